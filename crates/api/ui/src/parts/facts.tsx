// A short list of names and figures.

import type { MetricTable } from "../api/types";
import { Info } from "./info";

export interface Fact {
  name: string;
  value: string;
  /** The metric that it comes from, where that is another than the panel's. */
  from?: MetricTable | null;
}

export function Facts({ facts }: { facts: Fact[] }) {
  return (
    <dl class="facts">
      {facts.map(({ name, value, from }) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            {value}
            {from && <Info table={from} name={name} />}
          </dd>
        </div>
      ))}
    </dl>
  );
}
