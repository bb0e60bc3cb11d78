import { expect, test } from "vitest";

import type { Label, Mention } from "../api/types";
import { applied, isIrrelevant, labelled, sentence } from "./labels";

const post = { id: "a", brands: ["Grove"], polarity: "positive", intent: "none", themes: ["price"], labels: [] as Label[] } as unknown as Mention;
const label = (field: Label["field"], value: string | null, second = 1): Label => ({
  mention: "a",
  brand: "Grove",
  field,
  value,
  model: null,
  by: "ada",
  at: new Date(second * 1000).toISOString(),
});

test("a label shows at once, with the model's word beside it, and is gone once taken back", () => {
  const negative = applied(post, label("polarity", "negative"));
  expect(negative.polarity).toBe("negative");
  expect(negative.labels[0]?.model).toBe("positive");
  const neutral = applied(negative, label("polarity", "neutral", 2));
  expect([neutral.polarity, neutral.labels.length, neutral.labels[0]?.model]).toEqual(["neutral", 1, "positive"]);
  expect(applied(neutral, label("polarity", null, 3))).toEqual(post);
});

test("an older label, another post's and another brand's change nothing", () => {
  const negative = applied(post, label("polarity", "negative", 2));
  expect(applied(negative, label("polarity", "neutral", 1))).toBe(negative);
  expect(applied(post, { ...label("polarity", "negative"), mention: "b" })).toBe(post);
  expect(applied(post, { ...label("polarity", "negative"), brand: "Other" })).toBe(post);
});

test("themes are a list, and relevance leaves the post to be taken back", () => {
  expect(applied(post, label("theme", "price, delivery")).themes).toEqual(["price", "delivery"]);
  expect(applied(post, label("theme", "")).themes).toEqual([]);
  const feed = labelled({ shown: [post], waiting: [post] }, label("relevance", "no"));
  expect([feed.shown?.every(isIrrelevant), feed.waiting.every(isIrrelevant)]).toEqual([true, true]);
});

test("a label says against what it was given", () => {
  expect(sentence({ ...label("polarity", "negative"), model: "positive" })).toBe("ada: polarity negative; the model: positive");
  expect(sentence({ ...label("intent", "praise"), model: "praise" })).toBe("ada: intent praise, as the model");
  expect(sentence(label("relevance", "no"))).toBe("ada: not about the brand");
});
