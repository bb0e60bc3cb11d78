import { expect, test } from "vitest";

import { cohorts, feedback, felt, returned } from "./community";
import type { Cell, MetricTable } from "./types";

function table(columns: string[], rows: Cell[][]): MetricTable {
  return { columns: columns.map((name) => ({ name, unit: "" })), rows } as unknown as MetricTable;
}

test("rows of one joining month are one cohort, and an unfinished month has no share", () => {
  const columns = ["cohort", "month", "age", "retention", "active", "members", "over"];
  const [january, february] = ["2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"];
  const found = cohorts(
    table(columns, [
      [january, january, 0, 100, 3, 3, true],
      [january, february, 1, null, 2, 3, false],
      [february, february, 0, null, 4, 4, false],
    ]),
  );
  expect(found.map(({ members, months }) => [members, months.length])).toEqual([
    [3, 2],
    [4, 1],
  ]);
  expect(found[0]?.months[1]).toEqual({ share: null, active: 2, over: false });
});

test("who came back is told of the newest month that is over", () => {
  const rows = [
    ["2026-01-01T00:00:00Z", 40],
    ["2026-02-01T00:00:00Z", null],
  ];
  expect(returned(table(["month", "retention"], rows))).toEqual({ month: Date.UTC(2026, 0), share: 40 });
  expect(returned(table(["month", "retention"], []))).toBeNull();
});

test("a place where nothing was scored is not there", () => {
  const found = felt(table(["place", "net_sentiment_corrected"], [["public", null]]));
  expect(found.own).toBeUndefined();
  expect(found.public?.value).toBeNull();
});

test("an example that is not there is none", () => {
  const columns = ["intent", "theme", "example_1", "url_1", "id_1", "example_2", "url_2", "id_2"];
  const found = feedback(table(columns, [["question", "price", "how much?", "", "1f", null, null, null]]));
  expect(found[0]?.examples).toEqual([{ text: "how much?", url: "", id: "1f" }]);
});
