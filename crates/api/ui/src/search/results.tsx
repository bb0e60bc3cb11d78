// What a search found, how far it looked, and the query as a monitor.

import { useEffect, useRef, useState } from "preact/hooks";

import type { Trouble } from "../api/client";
import type { Found, Label, SearchPage } from "../api/types";
import { askSoon } from "../api/use";
import { applied, isIrrelevant } from "../awareness/labels";
import { Post } from "../awareness/posts";
import { count, exact, moment } from "../format";
import { Loading, TroubleNote } from "../parts/states";
import { useScene } from "../state/context";
import { rfc3339 } from "../state/span";
import type { View } from "../state/url";
import { caret } from "./caret";
import { asked, CHIPS, toggled } from "./chips";
import { noLongerKept } from "./kept";
import { useSearch } from "./use";

interface Props {
  view: View;
  query: string;
  onView: (view: View) => void;
}

export function SearchResults({ view, query, onView }: Props) {
  const { brand, span } = useScene();
  // The end is fixed while a query is read: what comes in meanwhile would ask anew each minute.
  const end = useRef(span.to);
  const about = JSON.stringify([query, view.span, view.end, view.chips, brand]);
  const [opened, setOpened] = useState(about);
  if (opened !== about) {
    end.current = span.to;
    setOpened(about);
  }
  const to = end.current;
  const hits = useSearch({
    q: query || null,
    brand,
    from: rfc3339(to - (span.to - span.from)),
    to: rfc3339(to),
    ...asked(view.chips),
  });
  const [saving, setSaving] = useState(false);
  const monitor = hits.last?.as_monitor ?? null;
  const label = (said: Label) => {
    hits.change((post) => ({ ...post, ...applied(post, said) }));
    askSoon();
  };
  return (
    <section class="panel found" aria-labelledby="found-title" aria-busy={hits.loading}>
      <header>
        <h2 id="found-title">Search in the posts about {brand}</h2>
        <div class="actions">
          {monitor && (
            <button
              type="button"
              class="button quiet"
              aria-expanded={saving}
              aria-controls={saving ? "as-monitor" : undefined}
              onClick={() => setSaving(!saving)}
            >
              Save as a monitor
            </button>
          )}
          <button type="button" class="button quiet" onClick={() => onView({ ...view, query: null, chips: [] })}>
            Close<span class="unseen"> the search</span>
          </button>
        </div>
      </header>
      {saving && monitor && <AsMonitor toml={monitor} brand={brand} />}
      <div class="chips" role="group" aria-label="Filters">
        {CHIPS.map((chip) => (
          <button
            key={chip.id}
            type="button"
            class="chip"
            aria-pressed={view.chips.includes(chip.id)}
            onClick={() => onView({ ...view, chips: toggled(view.chips, chip.id) })}
          >
            {chip.label}
          </button>
        ))}
      </div>
      {hits.trouble && <Refused trouble={hits.trouble} query={query} />}
      {!hits.posts && hits.loading && <Loading />}
      {hits.posts && hits.last && <Hits posts={hits.posts} last={hits.last} label={label} />}
      {hits.last?.next && (
        <button type="button" class="fresh" disabled={hits.loading} onClick={hits.more}>
          {hits.loading ? "Searching …" : hits.last.stopped ? "Search on" : "Load more"}
        </button>
      )}
    </section>
  );
}

function Hits({ posts, last, label }: { posts: Found[]; last: SearchPage; label: (label: Label) => void }) {
  const shown = posts.filter((post) => !isIrrelevant(post));
  return (
    <>
      <p class="small soft" role="status">
        <Summary posts={shown.length} last={last} />
      </p>
      {shown.length === 0 && !last.next && (
        <p class="state">No post of this span holds that. A longer span, fewer words or fewer filters find more.</p>
      )}
      <ol class="hits" aria-label="Posts found">
        {shown.map((post) => (
          <Post key={post.id} post={post} label={label} marks={post.highlights} />
        ))}
      </ol>
    </>
  );
}

/** How many, how far it was looked, and what is no longer there. A page counts from its own beginning. */
function Summary({ posts, last }: { posts: number; last: SearchPage }) {
  const { now } = useScene();
  const total = posts - last.mentions.length + Math.max(last.count, last.mentions.length);
  const sign = last.at_least ? "At least " : "";
  return (
    <>
      {sign}
      {count(Math.max(0, total))} {total === 1 ? "post" : "posts"}
      {total > posts && `, ${count(posts)} of them shown`}
      {last.stopped &&
        `. Looked at ${exact(last.looked_at)}${last.of === null ? "" : ` of ${exact(last.of)}`} stored posts, as far as ${moment(Date.parse(last.reached), now)}`}
      .
      {noLongerKept(last.removed, now).map((sentence) => ` ${sentence}`)}
    </>
  );
}

/** What is wrong with a query stands under its place. */
function Refused({ trouble, query }: { trouble: Trouble; query: string }) {
  if (trouble.column === null) return <TroubleNote trouble={trouble} />;
  return (
    <div class="state trouble" role="alert">
      <pre class="caret" aria-hidden="true">
        {caret(query, trouble.column)}
      </pre>
      <strong>
        {trouble.message}
        <span class="unseen">, at character {trouble.column}</span>
      </strong>
      <p>{trouble.hint}</p>
    </div>
  );
}

/** The query as it goes into the configuration. */
function AsMonitor({ toml, brand }: { toml: string; brand: string }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => setCopied(false), [toml]);
  const copy = () =>
    void navigator.clipboard.writeText(toml).then(
      () => setCopied(true),
      () => setCopied(false),
    );
  return (
    <div class="paste" id="as-monitor">
      <p>Put this under the brand {brand} in the configuration, name it, and start Grapevine again:</p>
      <pre tabIndex={0} aria-label="The monitor as TOML">
        {toml}
      </pre>
      <button type="button" class="button" onClick={copy}>
        {copied ? "Copied" : "Copy"}
      </button>
    </div>
  );
}
