import { expect, test } from "vitest";

import { onlyOver, type Options, questionOver } from "./expect";
import { bucketFor, previous, rfc3339, spanEnding } from "./span";

const noon = Date.UTC(2026, 2, 8, 12, 0, 0);
const [week, months] = [spanEnding("7d", noon), spanEnding("8w", noon)];
const asked = (id: string, options: Options) => onlyOver(months, week, "Grove", [{ id, options }]);

test("a question over another span has that one's bucket, and the span before it is as long", () => {
  expect(asked("net_sentiment", { by: bucketFor })).toEqual([
    ["net_sentiment", questionOver(months, "Grove", { by: "day" })],
  ]);
  const [, before] = asked("mention_volume", { span: previous })[0] ?? [];
  expect([before?.from, before?.to]).toEqual([rfc3339(months.from - (months.to - months.from)), rfc3339(months.from)]);
});

test("what is the same over every span is not asked for again, nor a hashtag that belongs to one", () => {
  expect(asked("mention_volume", { span: () => ({ from: 0, to: noon }) })).toEqual([]);
  expect(asked("hashtag_research", { hashtag: "tea" })).toEqual([]);
});
