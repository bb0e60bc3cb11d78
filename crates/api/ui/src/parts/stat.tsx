// One figure of the headline.

import type { ComponentChildren } from "preact";

import type { MetricTable } from "../api/types";
import type { Answer } from "../api/use";
import { decimal, NONE, signed } from "../format";
import { Age } from "./age";
import { Info } from "./info";

interface Props {
  name: string;
  answer: Answer<MetricTable>;
  value: (table: MetricTable) => ComponentChildren;
  note?: (table: MetricTable) => ComponentChildren;
}

export function Stat({ name, answer, value, note }: Props) {
  const { data, trouble, loading } = answer;
  return (
    <section class="stat" aria-label={name} aria-busy={loading}>
      <div class="name">
        {name}
        {data?.as_of && <Age of={data.as_of} />}
        {data && <Info table={data} name={name} />}
      </div>
      <div class={`value ${loading ? "stale" : ""}`}>{data ? value(data) : NONE}</div>
      <div class="note">
        {trouble ? (
          <span class="down" title={trouble.hint}>
            {trouble.message}
          </span>
        ) : data && note ? (
          note(data)
        ) : (
          ""
        )}
      </div>
    </section>
  );
}

/** How a figure stands against the previous span of the same length. */
export function Change({
  from,
  to,
  unit,
  goodWhen = "neither",
  relative = false,
}: {
  from: number | null;
  to: number | null;
  unit: string;
  goodWhen?: "up" | "down" | "neither";
  /** In per cent of the previous figure instead of the difference. */
  relative?: boolean;
}) {
  if (from === null || to === null || (relative && from === 0)) return <span>no previous span to compare</span>;
  const change = relative ? ((to - from) / from) * 100 : to - from;
  if (relative && change >= 900) return <span>{decimal(to / from, 0)} times the span before</span>;
  const better = goodWhen === "up" ? change > 0.05 : change < -0.05;
  const worse = goodWhen === "up" ? change < -0.05 : change > 0.05;
  const tone = goodWhen === "neither" ? "" : better ? "up" : worse ? "down" : "";
  const arrow = Math.abs(change) < 0.05 ? "" : change > 0 ? "▲ " : "▼ ";
  return (
    <>
      <span class={tone}>
        <span aria-hidden="true">{arrow}</span>
        {signed(change)} {unit}
      </span>{" "}
      on the span before
    </>
  );
}
