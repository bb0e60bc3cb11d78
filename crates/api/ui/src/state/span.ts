// Spans of time: the ones a person can choose, and the arithmetic around them.

export const SPANS = [
  { id: "24h", label: "24 h", spoken: "24 hours", hours: 24 },
  { id: "7d", label: "7 d", spoken: "7 days", hours: 24 * 7 },
  { id: "30d", label: "30 d", spoken: "30 days", hours: 24 * 30 },
  { id: "8w", label: "8 weeks", spoken: "8 weeks", hours: 24 * 56 },
] as const;

export type SpanId = (typeof SPANS)[number]["id"];

/** Half-open, in milliseconds since the Unix epoch. */
export interface Span {
  from: number;
  to: number;
}

const HOUR = 3_600_000;

export function isSpanId(text: string | null): text is SpanId {
  return SPANS.some((span) => span.id === text);
}

export function spanHours(id: SpanId): number {
  return SPANS.find((span) => span.id === id)?.hours ?? 24 * 7;
}

/** The span of this length that ends at `end`; an open end is rounded up to the minute, so that panels agree. */
export function spanEnding(id: SpanId, end: number): Span {
  const to = Math.ceil(end / 60_000) * 60_000;
  return { from: to - spanHours(id) * HOUR, to };
}

/** The span of equal length just before. */
export function previous(span: Span): Span {
  return { from: span.from - (span.to - span.from), to: span.from };
}

/** How wide a bucket of a chart should be: about 100 to 200 of them. */
export function bucketFor(span: Span): "hour" | "day" {
  return span.to - span.from <= 8 * 24 * HOUR ? "hour" : "day";
}

export function bucketMillis(bucket: "hour" | "day"): number {
  return bucket === "hour" ? HOUR : 24 * HOUR;
}

/** RFC 3339 in UTC, to the second. */
export function rfc3339(time: number): string {
  return new Date(time).toISOString().replace(/\.\d{3}Z$/, "Z");
}
