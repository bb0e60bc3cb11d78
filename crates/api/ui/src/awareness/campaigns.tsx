// What campaigns cost and brought, one row for each, in its own currency.

import { campaigns } from "../api/outward";
import type { MetricTable } from "../api/types";
import { decimal, percent, signed } from "../format";
import { Info } from "../parts/info";
import { Panel } from "../parts/panel";
import { useMetric } from "../state/context";

export function Campaigns() {
  const spend = useMetric("campaign_spend", { by: "campaign", limit: 20 });
  const ctr = useMetric("campaign_ctr", { by: "campaign" }).data;
  const cpc = useMetric("campaign_cpc", { by: "campaign", limit: 20 }).data;
  const conversion = useMetric("campaign_conversion_rate", { by: "campaign" }).data;
  const lift = useMetric("campaign_lift", { limit: 20 }).data;
  return (
    <Panel
      title="Campaigns"
      class="w6"
      answer={spend}
      empty="No campaign ran in this span, or none is imported: see the sources of advertising platforms."
    >
      {(table) => (
        <div class="scroll" tabIndex={0} role="region" aria-label="Campaigns">
          <table class="wide">
            <thead>
              <tr>
                <th scope="col">campaign</th>
                <th scope="col" class="n">
                  spend
                </th>
                <Head name="CTR" of={ctr} />
                <Head name="CPC" of={cpc} />
                <Head name="conversion" of={conversion} />
                <Head name="mentions" of={lift} />
                <Head name="followers" of={lift} />
              </tr>
            </thead>
            <tbody>
              {campaigns({ spend: table, ctr, cpc, conversion, lift }).map((row) => (
                <tr key={`${row.campaign} ${row.currency}`}>
                  <td>{row.name}</td>
                  <td class="n">{money(row.spend, row.currency)}</td>
                  <td class="n">{percent(row.ctr, 2)}</td>
                  <td class="n">{money(row.cpc, row.currency)}</td>
                  <td class="n">{percent(row.conversion)}</td>
                  <td class="n">{row.lift === null ? percent(null) : `${signed(row.lift, 0)}\u00a0%`}</td>
                  <td class="n">{signed(row.gained, 0)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

function Head({ name, of }: { name: string; of: MetricTable | null }) {
  return (
    <th scope="col" class="n">
      {name}
      {of && <Info table={of} name={name} />}
    </th>
  );
}

function money(value: number | null, currency: string): string {
  return value === null ? decimal(null) : `${decimal(value, 2)} ${currency}`;
}
