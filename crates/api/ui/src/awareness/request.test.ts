import { expect, test } from "vitest";

import type { ForgetRequest, Mention } from "../api/types";
import { bodyOf, left, stateOf } from "./request";

const post = { id: "00ff", platform: "forum", author: "ada" } as Mention;

test("a request names the account or the post, and only what somebody said", () => {
  const said = { named: "author", reason: " letter 12 ", by: " ", instance: "" } as const;
  expect(bodyOf(post, said)).toEqual({ authors: ["forum:ada"], reason: "letter 12", by: "page" });
  expect(bodyOf(post, { ...said, named: "post", by: "bo", instance: "f.example" })).toEqual({
    mentions: ["00ff"],
    instance: "f.example",
    reason: "letter 12",
    by: "bo",
  });
});

test("what is left is said with until when, and what failed with what hinders it", () => {
  const remains = [
    { place: "mentions.raw", records: 4, until: "2026-03-08T12:00:00", why: "kept by Kafka" },
    { place: "the stages", records: null, until: null, why: "they have not passed it" },
  ];
  const run = { began_at: "", ended_at: null, found: {}, hours_left: 1, remains };
  const request: ForgetRequest = { id: "1", at: "", by: "", reason: "", subjects: 1, state: "failed", message: "the store failed", runs: [run] };
  expect(left(request, Date.parse("2026-03-01T00:00:00"))).toEqual([
    "1 hour of figures to be computed anew.",
    "4 in mentions.raw, until 8 Mar, 12:00: kept by Kafka.",
    "Not known how much in the stages: they have not passed it.",
  ]);
  expect(stateOf(request)).toBe("It could not be carried out: the store failed.");
  expect(left({ ...request, runs: [] }, 0)).toEqual([]);
});
