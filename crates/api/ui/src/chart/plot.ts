// uPlot, set up the way every chart here looks.

import uPlot from "uplot";

import type { Span } from "../state/span";

export interface Series {
  label: string;
  /** Custom property of the colour, such as `--accent`. */
  colour: string;
  /** What is drawn: stacked already, where stacked. Bars are drawn in order, so the tallest comes first. */
  drawn: (number | null)[];
}

export interface Mark {
  from: number;
  to: number;
}

export interface PlotInput {
  kind: "bars" | "line";
  /** What the axis covers: whole buckets. */
  span: Span;
  /** Starts of the buckets, in milliseconds, and their width. */
  starts: number[];
  width: number;
  series: Series[];
  /** Spans of alerts. */
  marks: Mark[];
  axis: (value: number) => string;
  /** Lowest and highest of the axis, where they are fixed. */
  range?: [number, number];
}

/** Room for the numbers left of the plot. */
export const AXIS = 46;

export function options(
  input: PlotInput,
  size: { width: number; height: number },
  onCursor: (u: uPlot) => void,
): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const font = "12px system-ui, sans-serif";
  const axis = {
    stroke: colour("--ink-soft"),
    font,
    ticks: { show: false },
    grid: { stroke: colour("--grid"), width: 1 },
  };
  return {
    ...size,
    padding: [8, 24, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { show: input.kind === "line" }, drag: { x: false, y: false } },
    scales: {
      x: { time: true, range: [input.span.from / 1000, input.span.to / 1000] },
      y: { range: input.range ?? ((_, __, max) => [0, Math.max(max * 1.08, 4)]) },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        space: 70,
        size: 26,
        values: (_, splits, __, ___, step) => splits.map((at) => tick(at * 1000, step)),
      },
      { ...axis, size: AXIS, space: 36, values: (_, splits) => splits.map((value) => input.axis(value)) },
    ],
    series: [{}, ...input.series.map((series) => drawnAs(input, colour(series.colour)))],
    hooks: {
      drawClear: [(u) => drawMarks(u, input, colour("--negative-soft"), colour("--negative-fill"))],
      setCursor: [onCursor],
    },
  };
}

function drawnAs(input: PlotInput, colour: string): uPlot.Series {
  if (input.kind === "line") return { stroke: colour, width: 1.8, spanGaps: false, points: { show: false } };
  const bars = uPlot.paths.bars?.({ size: [0.86, 100] });
  return { fill: colour, stroke: colour, width: 0, points: { show: false }, ...(bars ? { paths: bars } : {}) };
}

function drawMarks(u: uPlot, input: PlotInput, fill: string, edge: string): void {
  for (const mark of input.marks) {
    const from = u.valToPos(Math.max(mark.from, input.span.from) / 1000, "x", true);
    const to = u.valToPos(Math.min(mark.to, input.span.to) / 1000, "x", true);
    if (to < u.bbox.left || from > u.bbox.left + u.bbox.width) continue;
    const width = Math.max(to - from, 3);
    u.ctx.fillStyle = fill;
    u.ctx.fillRect(from, u.bbox.top, width, u.bbox.height);
    u.ctx.fillStyle = edge;
    u.ctx.fillRect(from, u.bbox.top, width, 3);
  }
}

const days = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const hours = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

function tick(time: number, step: number): string {
  const date = new Date(time);
  const midnight = date.getHours() === 0 && date.getMinutes() === 0;
  return step >= 86_400 || midnight ? days.format(date) : hours.format(date);
}
