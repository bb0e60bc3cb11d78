// The frame: what is chosen, what every panel needs, the two tabs.

import { useEffect, useMemo, useState } from "preact/hooks";

import { getAlerts, getMentions, getStatus } from "./api/client";
import type { Brand } from "./api/types";
import { useAnswer } from "./api/use";
import { Awareness } from "./awareness/awareness";
import { Community } from "./community/community";
import { AlertBanner } from "./parts/banner";
import { TrustFooter } from "./parts/footer";
import { Older } from "./parts/states";
import { Top } from "./parts/top";
import { SearchResults } from "./search/results";
import { type Scene, SceneContext } from "./state/context";
import { useExpect } from "./state/expect";
import { rfc3339, spanEnding } from "./state/span";
import { readView, type View, writeView } from "./state/url";

const MINUTE = 60_000;

export function Page({ brands }: { brands: Brand[] }) {
  const [view, setView] = useView();
  const now = useNow();
  const known = brands.some((brand) => brand.name === view.brand);
  const brand = known ? view.brand : (brands[0]?.name ?? "");
  // Rounded, so that all panels ask for the same span, and ask anew once a minute.
  const end = view.end ?? Math.ceil(now / MINUTE) * MINUTE;
  const span = useMemo(() => spanEnding(view.span, end), [view.span, end]);

  const status = useAnswer("status", getStatus);
  const alerts = useAnswer(`alerts ${brand} ${span.from} ${span.to}`, (signal) =>
    getAlerts({ brand, from: rfc3339(span.from), to: rfc3339(span.to) }, signal),
  );
  const newest = useAnswer(`newest ${brand}`, (signal) => getMentions({ brand, limit: 1 }, signal));

  const scene: Scene = {
    brand,
    brands,
    span,
    now,
    live: view.end === null,
    model: status.data?.model ?? null,
    episodes: alerts.data ?? [],
    newest: newest.data?.mentions[0] ? Date.parse(newest.data.mentions[0].created_at) : null,
    showUntil: (end, span) => setView({ ...view, end, span: span ?? view.span }),
  };

  useExpect(scene, view.query === null ? view.tab : "search");

  return (
    <SceneContext.Provider value={scene}>
      <a class="skip" href="#figures">
        Skip to the figures
      </a>
      <Top brands={brands} view={{ ...view, brand }} now={now} span={span} onView={setView} />
      <main id="figures" tabIndex={-1} role="main">
        <h1 class="unseen">
          {view.query !== null ? "Search" : view.tab === "awareness" ? "Awareness" : "Community"} of {brand}
        </h1>
        <AlertBanner />
        <Older />
        {view.query !== null && <SearchResults view={view} query={view.query} onView={setView} />}
        <div role="tabpanel" id={`panel-${view.tab}`} aria-labelledby={`tab-${view.tab}`} hidden={view.query !== null}>
          {view.query === null && (view.tab === "awareness" ? <Awareness /> : <Community />)}
        </div>
      </main>
      <TrustFooter answer={status} now={now} />
    </SceneContext.Provider>
  );
}

function useView(): [View, (view: View) => void] {
  const [view, setView] = useState(() => readView(location.search));
  useEffect(() => {
    const back = () => setView(readView(location.search));
    addEventListener("popstate", back);
    return () => removeEventListener("popstate", back);
  }, []);
  const change = (next: View) => {
    history.pushState(null, "", writeView(next));
    setView(next);
  };
  return [view, change];
}

/** The time, kept up every few seconds. */
function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 5_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
