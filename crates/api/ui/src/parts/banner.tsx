// The alert that a person should see before anything else.

import type { Episode } from "../api/types";
import { ago, count, decimal, moment } from "../format";
import { useScene } from "../state/context";

const RULES: Record<string, { firing: string; over: string; counted: string }> = {
  negative_spike: {
    firing: "Negative posts are spiking",
    over: "A spike of negative posts is over",
    counted: "negative posts in an hour",
  },
  volume_spike: { firing: "Posts are spiking", over: "A spike of posts is over", counted: "posts in an hour" },
};

function title({ rule, state }: Episode): string {
  return RULES[rule]?.[state === "firing" ? "firing" : "over"] ?? `${rule.replaceAll("_", " ")} ${state}`;
}

export function AlertBanner() {
  const { episodes } = useScene();
  const open = episodes.filter((episode) => episode.state === "firing");
  const shown = open.length > 0 ? open : episodes.slice(0, 1);
  return (
    <>
      {shown.map((episode) => (
        <Banner key={episode.id} episode={episode} />
      ))}
    </>
  );
}

const AFTER = 6 * 3_600_000;

function Banner({ episode }: { episode: Episode }) {
  const { now, showUntil } = useScene();
  const firing = episode.state === "firing";
  const start = Date.parse(episode.started_at);
  const end = episode.resolved_at ? Date.parse(episode.resolved_at) : null;
  const until = Math.min((end ?? start) + AFTER, now);
  return (
    <section class={`banner ${firing ? "" : "past"}`} role={firing ? "alert" : "status"} aria-label="Alert">
      <div>
        <strong>
          {title(episode)} · {episode.brand}
        </strong>
        <p>
          Since {moment(start, now)}
          {firing && ` (${ago(start, now)})`}
          {end !== null && ` until ${moment(end, now)}`}: <b>{count(episode.observed)}</b>{" "}
          {RULES[episode.rule]?.counted ?? "observed"}, about{" "}
          <b>{episode.expected < 10 ? decimal(episode.expected) : count(episode.expected)}</b> expected.
        </p>
      </div>
      <button type="button" class="button" onClick={() => showUntil(until, "24h")}>
        Show that day
      </button>
    </section>
  );
}
