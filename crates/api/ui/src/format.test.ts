import { expect, test } from "vitest";

import { ago, between, count, duration, moment, NONE, percent, signed, webAddress, when } from "./format";

test("counts are whole up to a hundred thousand, then short", () => {
  expect([0, 12_345, 99_999, 1_234_567].map((value) => count(value))).toEqual(["0", "12,345", "99,999", "1.2M"]);
});

test("what was not measured is a dash, not a zero", () => {
  expect([count(null), percent(null), signed(null), duration(null)]).toEqual([NONE, NONE, NONE, NONE]);
});

test("a change carries its sign, and none when it rounds to nothing", () => {
  expect([4.25, -4.25, 0.04, -0.04].map((value) => signed(value))).toEqual(["+4.3", "−4.3", "±0.0", "±0.0"]);
});

test("an interval is told by its ends, and not at all where there is no figure", () => {
  expect(between(12.34, 9.06, 15.5)).toBe("+12.3, between +9.1 and +15.5");
  expect(between(null, null, null)).toBe(NONE);
});

test("durations use two units at most", () => {
  expect([0, 59, 61, 3_600, 11_100, 172_800, 187_200].map((value) => duration(value))).toEqual([
    "0 s",
    "59 s",
    "1 min",
    "1 h",
    "3 h 05 min",
    "2 d",
    "2 d 4 h",
  ]);
});

test("a time ahead of this clock is said to be ahead", () => {
  expect(ago(0, 3_000)).toBe("now");
  expect(ago(0, 300_000)).toBe("5 min ago");
  expect(ago(300_000, 0)).toBe("in 5 min");
});

test("what is older than a week is told by its date", () => {
  const now = new Date(2026, 2, 8, 12).getTime();
  expect(when(now - 3_600_000, now)).toBe("1 h ago");
  expect(when(new Date(2015, 1, 24, 9, 5).getTime(), now)).toBe("24 Feb 2015, 09:05");
});

test("another year is named", () => {
  const now = new Date(2026, 2, 8, 12).getTime();
  expect(moment(now, now)).toBe("8 Mar, 12:00");
  expect(moment(new Date(2015, 1, 24, 9, 5).getTime(), now)).toBe("24 Feb 2015, 09:05");
});

test("only addresses of the web become links", () => {
  expect(webAddress("https://forum.example/t/1")).toBe("https://forum.example/t/1");
  for (const text of ["javascript:alert(1)", "data:text/html,x", "at://did/x", "", null, undefined]) {
    expect(webAddress(text)).toBeNull();
  }
});
