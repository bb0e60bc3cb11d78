// A chart over time, with a tip at the cursor and the band of coverage beneath.

import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";

import type { Coverage } from "../api/types";
import { moment } from "../format";
import { useScene } from "../state/context";
import { CoverageBand } from "./coverage";
import { AXIS, options, type PlotInput } from "./plot";

interface Props extends PlotInput {
  /** What the chart shows, in one sentence, for those who do not see it. */
  summary: string;
  height: number;
  coverage: Coverage;
  /** What the tip says of a bucket. */
  tip: (index: number) => { label: string; value: string }[];
}

export function Chart(props: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState<{ index: number; left: number } | null>(null);
  const scheme = useScheme();
  const { now } = useScene();
  const span = { from: props.starts[0] ?? props.span.from, to: (props.starts.at(-1) ?? props.span.to) + props.width };
  const start = at === null ? undefined : props.starts[at.index];
  const seen = JSON.stringify([props.kind, props.span, props.width, props.series, props.marks, props.range]);

  useEffect(() => {
    const parent = box.current;
    if (!parent) return;
    const size = () => ({ width: Math.max(parent.clientWidth, 80), height: props.height });
    const moved = (u: uPlot) => {
      const { idx, left } = u.cursor;
      setAt(
        idx === null || idx === undefined || left === undefined || left < 0 ? null : { index: idx, left: left + AXIS },
      );
    };
    // A bucket is drawn around its middle.
    const data = [
      props.starts.map((time) => (time + props.width / 2) / 1000),
      ...props.series.map((series) => series.drawn),
    ] as uPlot.AlignedData;
    const plot = new uPlot(options({ ...props, span }, size(), moved), data, parent);
    const watcher = new ResizeObserver(() => {
      if (size().width !== plot.width) plot.setSize(size());
    });
    watcher.observe(parent);
    return () => {
      watcher.disconnect();
      plot.destroy();
    };
  }, [seen, scheme, props.height]);

  return (
    <figure class="chart" role="group" aria-label={props.summary}>
      <div ref={box} aria-hidden="true" />
      <CoverageBand coverage={props.coverage} span={span} inset={AXIS} />
      {at !== null && start !== undefined && (
        <div class="tip" ref={(tip) => void (tip && place(tip, at.left))}>
          <b>{moment(start, now)}</b>
          {props.tip(at.index).map(({ label, value }) => (
            <div key={label}>
              {label}: {value}
            </div>
          ))}
        </div>
      )}
    </figure>
  );
}

function place(tip: HTMLElement, left: number): void {
  const room = tip.parentElement?.clientWidth ?? 0;
  const side = left + tip.offsetWidth + 18 > room ? left - tip.offsetWidth - 12 : left + 12;
  tip.style.left = `${Math.max(0, side)}px`;
  tip.style.top = "18px";
}

/** Changes when the browser turns light or dark: a canvas has to be drawn anew. */
function useScheme(): boolean {
  const [dark, setDark] = useState(() => matchMedia("(prefers-color-scheme: dark)").matches);
  useEffect(() => {
    const query = matchMedia("(prefers-color-scheme: dark)");
    const changed = () => setDark(query.matches);
    query.addEventListener("change", changed);
    return () => query.removeEventListener("change", changed);
  }, []);
  return dark;
}
