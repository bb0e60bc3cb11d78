import { expect, test } from "vitest";

import { readView, takeToken, writeView } from "./url";

test("a view round-trips through the address", () => {
  const view = { tab: "community", brand: "Café & Co", span: "30d", end: Date.UTC(2026, 0, 2) } as const;
  const plain = { ...view, query: null, chips: [] };
  expect(readView(writeView(plain))).toEqual(plain);
  const searching = { ...view, query: '"a b" -c & d', chips: ["negative", "media"] };
  expect(readView(writeView(searching))).toEqual(searching);
});

test("nonsense in the address falls back to the first screen", () => {
  expect(readView("?tab=x&span=1y&to=never")).toEqual({
    tab: "awareness",
    brand: "",
    span: "7d",
    end: null,
    query: null,
    chips: [],
  });
});

test("the token is taken out of the fragment and of the query", () => {
  expect(takeToken("http://localhost:1/?tab=community#token=gv_1")).toEqual({
    token: "gv_1",
    rest: "http://localhost:1/?tab=community",
  });
  expect(takeToken("http://localhost:1/?token=gv_2")).toEqual({ token: "gv_2", rest: "http://localhost:1/" });
  expect(takeToken("http://localhost:1/").token).toBeNull();
});
