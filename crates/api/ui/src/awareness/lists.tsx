// Share of voice, hashtags, voices.

import { brandShares, hashtags, themes, type Voice, voices } from "../api/columns";
import { count, decimal, exact, percent, signed } from "../format";
import { TableHead } from "../parts/head";
import { Panel } from "../parts/panel";
import { useMetric, useScene } from "../state/context";
import type { Span } from "../state/span";

export function ShareOfVoice() {
  const { brand } = useScene();
  const answer = useMetric("share_of_voice");
  return (
    <Panel
      title="Share of voice"
      class="w4"
      answer={answer}
      empty="No mentions of any brand in this span."
      hasData={(table) => brandShares(table).some(({ mentions }) => mentions !== 0)}
    >
      {(table) => (
        <ul class="bars">
          {brandShares(table).map((share) => (
            <li key={share.brand} class={share.brand === brand ? "own" : ""}>
              <span class="name">{share.brand}</span>
              <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
                <rect width={share.share ?? 0} height="10" />
              </svg>
              <span class="figure">
                {percent(share.share)}
                <small class="soft">{count(share.mentions)} mentions</small>
              </span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

export function Hashtags() {
  const answer = useMetric("trending_hashtags", { limit: 10, span: lastDay });
  return (
    <Panel title="Trending hashtags" class="w4" answer={answer} empty="No hashtags in the last day of this span.">
      {(table) => (
        <>
          <table>
            <TableHead of="hashtag" figures={["mentions", "authors", "trend"]} />
            <tbody>
              {hashtags(table).map((row) => (
                <tr key={row.tag}>
                  <td>#{row.tag}</td>
                  <td class="n">{exact(row.mentions)}</td>
                  <td class="n">{exact(row.authors)}</td>
                  <td class="n">
                    {row.trend === 0 ? (
                      <span class="soft">–</span>
                    ) : (
                      decimal(row.trend, row.trend !== null && row.trend >= 100 ? 0 : 1)
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
          <p class="small soft">Used in the last day of this span; a dash where no more people did than usual.</p>
        </>
      )}
    </Panel>
  );
}

/** What trends is a question about a day: older scores have decayed. */
export function lastDay(span: Span): Span {
  return { from: Math.max(span.from, span.to - 86_400_000), to: span.to };
}

export function Themes() {
  const answer = useMetric("themes", { limit: 12 });
  return (
    <Panel title="Themes" class="w4" answer={answer} empty="Nothing was scored in this span.">
      {(table) => (
        <table>
          <TableHead of="theme" figures={["mentions", "change", "net"]} />
          <tbody>
            {themes(table).map((row) => (
              <tr key={row.theme}>
                <td>{row.theme}</td>
                <td class="n">{exact(row.mentions)}</td>
                <td class="n">{signed(row.change, 0)}</td>
                <td class="n">{signed(row.net, 0)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

const MEASURES = [
  { title: "by reach", of: (voice: Voice) => voice.reach },
  { title: "by engagement", of: (voice: Voice) => voice.engagements },
  { title: "by mentions", of: (voice: Voice) => voice.mentions },
];

/** So many of each measure: the API ranks by each on its own. */
const MOST = 10;

export function TopVoices() {
  const answer = useMetric("top_voices", { limit: MOST });
  return (
    <Panel title="Top voices" class="w8" answer={answer} empty="Nobody has posted in this span.">
      {(table) => (
        <div class="columns">
          {MEASURES.map(({ title, of }) => (
            <Ranking key={title} title={title} voices={highest(voices(table), of)} of={of} />
          ))}
        </div>
      )}
    </Panel>
  );
}

function Ranking({ title, voices, of }: { title: string; voices: Voice[]; of: (voice: Voice) => number | null }) {
  return (
    <section aria-label={title}>
      <h3>{title}</h3>
      <ol class="rank">
        {voices.map((voice) => (
          <li key={`${voice.platform}${voice.author}`}>
            <span>
              @{voice.author} <small class="soft">{voice.platform}</small>
            </span>
            <span>{count(of(voice))}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

/** The highest; those of whom it is not known are left out. */
function highest(all: Voice[], of: (voice: Voice) => number | null): Voice[] {
  const known = all.filter((voice) => of(voice) !== null);
  return known.sort((a, b) => (of(b) ?? 0) - (of(a) ?? 0)).slice(0, MOST);
}
