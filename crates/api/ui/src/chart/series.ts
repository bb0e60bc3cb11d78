// Series for charts: a full grid of buckets, stacking, gaps. Pure.

import type { Span } from "../state/span";

export interface Point {
  time: number;
  values: (number | null)[];
}

/** Starts of all buckets that touch the span. Days are UTC days, as the API counts them. */
export function grid(span: Span, width: number): number[] {
  const first = Math.floor(span.from / width) * width;
  const starts: number[] = [];
  for (let start = first; start < span.to; start += width) starts.push(start);
  return starts;
}

/**
 * Puts points on the grid, one column per value. A bucket without a point is not known, which is not zero.
 */
export function onGrid(starts: number[], points: Point[], columns: number): (number | null)[][] {
  const byTime = new Map(points.map((point) => [point.time, point.values]));
  return Array.from({ length: columns }, (_, column) => starts.map((start) => byTime.get(start)?.[column] ?? null));
}

/** Each series on top of those before it; null where any of them is not known. */
export function stack(series: (number | null)[][]): (number | null)[][] {
  const sums: (number | null)[] = (series[0] ?? []).map(() => 0);
  return series.map((values) =>
    values.map((value, i) => {
      const below = sums[i] ?? null;
      const sum = value === null || below === null ? null : below + value;
      sums[i] = sum;
      return sum;
    }),
  );
}

export interface Stretch {
  from: number;
  to: number;
  kind: "complete" | "gap" | "pending";
  why: string;
}

/** The band under a chart: where the span is known, where a source left a gap, and what is still to come. */
export function stretches(
  span: Span,
  complete: number | null,
  gaps: { from: number; to: number; why: string }[],
): Stretch[] {
  const known = Math.min(Math.max(complete ?? span.to, span.from), span.to);
  const found: Stretch[] = [];
  if (known > span.from)
    found.push({ from: span.from, to: known, kind: "complete", why: "every source has delivered this" });
  if (known < span.to)
    found.push({ from: known, to: span.to, kind: "pending", why: "sources have not confirmed this yet" });
  for (const gap of gaps) {
    const from = Math.max(gap.from, span.from);
    const to = Math.min(gap.to, span.to);
    if (from < to) found.push({ from, to, kind: "gap", why: gap.why });
  }
  return found;
}
