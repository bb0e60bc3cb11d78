// What people complain of, suggest and ask: a table to open, theme by theme.

import { type Feedback, feedback } from "../api/community";
import { exact, signed, webAddress } from "../format";
import { Panel } from "../parts/panel";
import { useMetric } from "../state/context";

export function FeedbackDigest() {
  const answer = useMetric("feedback_digest", { limit: 30 });
  return (
    <Panel
      title="Feedback digest"
      class="w8"
      answer={answer}
      asTable={false}
      empty="Nobody complained, suggested or asked anything in this span that the model could read."
    >
      {(table) => (
        <>
          <ul class="digest scroll" tabIndex={0} aria-label="Feedback by theme">
            {feedback(table).map((row) => (
              <Line key={`${row.intent} ${row.theme}`} row={row} />
            ))}
          </ul>
          <p class="small soft">
            To hand on: <code>grapevine query feedback_digest --format csv</code>
          </p>
        </>
      )}
    </Panel>
  );
}

function Line({ row }: { row: Feedback }) {
  return (
    <li>
      <details>
        <summary>
          <span class={`intent ${row.intent}`}>{row.intent}</span>
          <b>{row.theme}</b>
          <span class="n">{exact(row.mentions)}</span>
          <span class="soft small n">{signed(row.change, 0)} on the span before</span>
          <span class="soft small n">net {signed(row.net, 0)}</span>
        </summary>
        <ul>
          {row.examples.map((example) => (
            <li key={example.id} class="post">
              <p dir="auto">{example.text}</p>
              <Source url={example.url} what={row.theme} />
            </li>
          ))}
        </ul>
      </details>
    </li>
  );
}

function Source({ url, what }: { url: string; what: string }) {
  const link = webAddress(url);
  if (!link) return null;
  return (
    <a class="small" href={link} target="_blank" rel="noopener noreferrer">
      Open the post<span class="unseen"> about {what}</span>
    </a>
  );
}
