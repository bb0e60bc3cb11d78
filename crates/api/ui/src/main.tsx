import { render } from "preact";

import { App } from "./app";
import { takeToken } from "./state/url";

import "uplot/dist/uPlot.min.css";
import "./styles/base.css";
import "./styles/layout.css";
import "./styles/parts.css";
import "./styles/headline.css";
import "./styles/charts.css";
import "./styles/lists.css";
import "./styles/outreach.css";
import "./styles/posts.css";
import "./styles/search.css";
import "./styles/edges.css";

// The token leaves the address bar before anything else happens.
const { token, rest } = takeToken(location.href);
if (token !== null) history.replaceState(null, "", rest);

const root = document.getElementById("page");
if (root) render(<App token={token} />, root);
