// Where mentions come from, how they engage, who follows.

import { accountGrowth, engagementsOf, impressionsOf, ratesOf, sourceShares } from "../api/outward";
import { count, exact, percent, signed } from "../format";
import { Facts } from "../parts/facts";
import { TableHead } from "../parts/head";
import { Panel } from "../parts/panel";
import { useMetric, useScene } from "../state/context";

export function Sources() {
  const answer = useMetric("share_by_source", { by: "platform" });
  return (
    <Panel title="Where it is said" class="w4" answer={answer} empty="No mentions in this span.">
      {(table) => (
        <ul class="bars">
          {sourceShares(table, "platform").map((source) => (
            <li key={source.name}>
              <span class="name">{source.name}</span>
              <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
                <rect width={source.share ?? 0} height="10" />
              </svg>
              <span class="figure">
                {percent(source.share)}
                <small class="soft">{count(source.mentions)} mentions</small>
              </span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

export function Engagement() {
  const answer = useMetric("engagement_rate");
  const engagements = useMetric("engagements").data;
  const impressions = useMetric("impressions").data;
  return (
    <Panel
      title="Engagement"
      class="w4"
      answer={answer}
      empty="No mentions in this span."
      hasData={(table) => (ratesOf(table).mentions ?? 0) > 0}
    >
      {(table) => {
        const { rate, owned, known, mentions } = ratesOf(table);
        const seen = impressionsOf(impressions);
        return (
          <>
            <Facts
              facts={[
                { name: "Engagement rate", value: percent(rate, 2) },
                { name: "Of the team's own posts", value: percent(owned, 2) },
                { name: "Engagements", value: count(engagementsOf(engagements)), from: engagements },
                { name: "Impressions", value: count(seen.impressions), from: impressions },
                { name: "Mentions that carry impressions", value: percent(seen.known) },
              ]}
            />
            <p class="small soft">
              Rates are of {exact(known)} of {exact(mentions)} mentions: those whose counters and followers are known.
            </p>
          </>
        );
      }}
    </Panel>
  );
}

export function Followers() {
  const { brand } = useScene();
  const answer = useMetric("follower_growth", { limit: 20 });
  return (
    <Panel
      title="Followers"
      class="w4"
      answer={answer}
      empty="No followers were counted. Name the brand's accounts in the configuration, and tell a source to count them, or import the counts."
    >
      {(table) => (
        <table>
          <TableHead of="account" figures={["followers", "change", "a day"]} />
          <tbody>
            {accountGrowth(table).map((row) => (
              <tr key={`${row.platform}${row.account}`}>
                <td>
                  {row.brand === brand ? <b>@{row.account.replace(/^@/, "")}</b> : `@${row.account.replace(/^@/, "")}`}{" "}
                  <small class="soft">{row.platform}</small>
                </td>
                <td class="n">{count(row.followers)}</td>
                <td class="n">{signed(row.change, 0)}</td>
                <td class="n">{signed(row.perDay, 1)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}
