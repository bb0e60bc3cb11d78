// Who comes back: by the month in which they joined.

import { cohorts, type Cohort, community, returned } from "../api/community";
import { members } from "../api/columns";
import { exact, NONE, percent } from "../format";
import { Facts } from "../parts/facts";
import { Panel } from "../parts/panel";
import { useMetric } from "../state/context";
import type { Span } from "../state/span";

/** A month at a time says nothing of a day or a week. */
const halfAYear = ({ to }: Span): Span => ({ from: to - 180 * 86_400_000, to });
const month = new Intl.DateTimeFormat("en-GB", { month: "short", year: "numeric", timeZone: "UTC" });

export function Retention() {
  const answer = useMetric("retention_cohorts", { span: halfAYear });
  return (
    <Panel
      title="Who comes back"
      class="w8"
      answer={answer}
      empty="Nobody has joined in the half year that ends with this span."
    >
      {(table) => <Cohorts rows={cohorts(table)} />}
    </Panel>
  );
}

export function Staying() {
  const answer = useMetric("newcomer_conversion");
  const months = useMetric("retention", { span: halfAYear }).data;
  const sticky = useMetric("stickiness").data;
  const back = returned(months);
  return (
    <Panel title="Joining and staying" class="w4" answer={answer} empty="Nobody has joined." asTable={false}>
      {(table) => (
        <Facts
          facts={[
            {
              name: back ? `Came back in ${month.format(back.month)}` : "Came back in a month",
              value: back ? percent(back.share) : NONE,
              from: months,
            },
            { name: "Stickiness (DAU / MAU)", value: percent(members(sticky).stickiness), from: sticky },
            { name: "Newcomers who posted 3 times in 30 days", value: percent(community.conversion(table)) },
            { name: "of those whose 30 days ended in the span", value: exact(community.judged(table)) },
            { name: "Not judged yet (censored)", value: exact(community.censored(table)) },
          ]}
        />
      )}
    </Panel>
  );
}

function Cohorts({ rows }: { rows: Cohort[] }) {
  const most = Math.max(...rows.map(({ months }) => months.length));
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Who comes back, by month">
      <table class="cohorts">
        <thead>
          <tr>
            <th scope="col">joined in</th>
            <th scope="col" class="n">
              members
            </th>
            {Array.from({ length: most }, (_, age) => (
              <th key={age} scope="col" class="n">
                {age === 0 ? "that month" : `+ ${age}`}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((cohort) => (
            <tr key={cohort.joined}>
              <th scope="row">{month.format(cohort.joined)}</th>
              <td class="n">{exact(cohort.members)}</td>
              {cohort.months.map(({ share, active, over }, age) => (
                <td key={age} class={`n ${depth(share)}`}>
                  {over ? (
                    percent(share, 0)
                  ) : (
                    <span class="soft" title="this month is not over">
                      {exact(active)} so far
                    </span>
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Shades in steps: the figure stands in each cell, so that none has to be told by colour. */
function depth(share: number | null): string {
  if (share === null) return "";
  return share >= 60 ? "d3" : share >= 30 ? "d2" : share >= 10 ? "d1" : "";
}
