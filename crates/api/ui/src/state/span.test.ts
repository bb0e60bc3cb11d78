import { expect, test } from "vitest";

import { bucketFor, isSpanId, previous, rfc3339, spanEnding } from "./span";

const noon = Date.UTC(2026, 2, 8, 12, 0, 0);

test("a span ends at the next full minute and has its full length", () => {
  const span = spanEnding("24h", noon - 1_500);
  expect(rfc3339(span.from)).toBe("2026-03-07T12:00:00Z");
  expect(rfc3339(span.to)).toBe("2026-03-08T12:00:00Z");
});

test("the previous span touches this one and is as long", () => {
  const span = spanEnding("7d", noon);
  expect(previous(span).to).toBe(span.from);
  expect(previous(span).to - previous(span).from).toBe(span.to - span.from);
});

test("a week is drawn by the hour, eight weeks by the day", () => {
  expect(bucketFor(spanEnding("7d", noon))).toBe("hour");
  expect(bucketFor(spanEnding("8w", noon))).toBe("day");
});

test("only the spans on offer are spans", () => {
  expect(isSpanId("30d")).toBe(true);
  expect(isSpanId("31d")).toBe(false);
  expect(isSpanId(null)).toBe(false);
});
