import { expect, test } from "vitest";

import type { Checked, Mention } from "../api/types";
import { agreement, atLeast, isEnough, judged, saidByModel } from "./checked";

const checked = (negative: number, neutral: number, positive: number, agreed: number): Checked => ({
  negative,
  neutral,
  positive,
  agreed,
  needed: 20,
});

test("a judged post counts where a person put it, and as agreed where the model said the same", () => {
  expect(judged(checked(1, 2, 3, 4), "neutral", "neutral")).toEqual(checked(1, 3, 3, 5));
  expect(judged(checked(1, 2, 3, 4), "negative", "neutral")).toEqual(checked(2, 2, 3, 4));
  expect(judged(checked(1, 2, 3, 4), "negative", null)).toEqual(checked(2, 2, 3, 4));
});

test("what is not stored yet does not make a count fall", () => {
  expect(atLeast(null, checked(1, 0, 0, 1))).toEqual(checked(1, 0, 0, 1));
  expect(atLeast(checked(5, 2, 3, 7), checked(4, 6, 3, 9))).toEqual(checked(5, 6, 3, 9));
});

test("each polarity needs enough", () => {
  expect(isEnough(checked(20, 20, 20, 0))).toBe(true);
  expect(isEnough(checked(400, 20, 19, 439))).toBe(false);
});

test("the agreement has an interval that is wide where few were judged, and none of nothing", () => {
  expect(agreement(checked(0, 0, 0, 0))).toBe(null);
  // Wilson by hand: 36 of 46.
  const some = agreement(checked(18, 16, 12, 36));
  expect(some?.value).toBeCloseTo(78.26, 2);
  expect(some?.low).toBeCloseTo(64.43, 2);
  expect(some?.high).toBeCloseTo(87.74, 2);
  expect(agreement(checked(1, 0, 0, 1))?.low).toBeGreaterThan(20);
  expect(agreement(checked(1, 0, 0, 1))?.high).toBeCloseTo(100, 5);
});

test("what somebody corrected before is held against the model, not against the correction", () => {
  const label = { field: "polarity", value: "negative", model: "positive" };
  const post = { polarity: "negative", labels: [label] } as unknown as Mention;
  expect(saidByModel(post)).toBe("positive");
  expect(saidByModel({ ...post, labels: [] })).toBe("negative");
});
