import { expect, test } from "vitest";

import type { Mention } from "../api/types";
import { held, merge } from "./merge";

const post = (id: string, minute: number, text = "") =>
  ({ id, text, created_at: new Date(minute * 60_000).toISOString() }) as Mention;

test("posts are sorted by time and shown once, the newest version of each", () => {
  const feed = merge({ shown: [post("a", 1), post("b", 3)], waiting: [] }, [post("c", 2), post("a", 1, "edited")]);
  expect(feed.shown?.map(({ id }) => id)).toEqual(["b", "c", "a"]);
  expect(feed.shown?.[2]?.text).toBe("edited");
});

test("a held post does not move the list, and appears once released", () => {
  const before = { shown: [post("a", 1)], waiting: [] };
  const feed = held(held(before, [post("b", 2)]), [post("b", 2)]);
  expect(feed.shown).toBe(before.shown);
  expect(feed.waiting).toHaveLength(1);
  expect(merge(feed, []).shown?.map(({ id }) => id)).toEqual(["b", "a"]);
});
