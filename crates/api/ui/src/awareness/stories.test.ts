import { expect, test } from "vitest";

import type { Mention } from "../api/types";
import { fold } from "./stories";

const post = (id: string, story: string | null) => ({ id, story }) as Mention;

test("posts of one story stand under the first of them, and the order stays", () => {
  const folded = fold([post("d", "a"), post("c", null), post("b", "a"), post("a", "a")]);
  expect(folded.map(({ post, like }) => [post.id, like.map(({ id }) => id)])).toEqual([
    ["d", ["b", "a"]],
    ["c", []],
  ]);
});

test("a post whose story was not told is one of its own", () => {
  expect(fold([post("a", null), post("b", null)])).toHaveLength(2);
});
