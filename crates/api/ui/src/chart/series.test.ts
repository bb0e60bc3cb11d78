import { expect, test } from "vitest";

import { grid, onGrid, stack, stretches } from "./series";

const HOUR = 3_600_000;

test("the grid holds every bucket that touches the span", () => {
  expect(grid({ from: HOUR + 1, to: 4 * HOUR }, HOUR)).toEqual([HOUR, 2 * HOUR, 3 * HOUR]);
});

test("a bucket without a point is not known, and a measured zero stays a zero", () => {
  const points = [
    { time: 0, values: [5, null] },
    { time: 2 * HOUR, values: [0, 0] },
  ];
  expect(onGrid([0, HOUR, 2 * HOUR], points, 2)).toEqual([
    [5, null, 0],
    [null, null, 0],
  ]);
});

test("stacking adds up, and what is unknown stays unknown above", () => {
  expect(
    stack([
      [1, 2, null],
      [10, null, 10],
      [100, 100, 100],
    ]),
  ).toEqual([
    [1, 2, null],
    [11, null, null],
    [111, null, null],
  ]);
  expect(stack([])).toEqual([]);
});

test("the band shows what is complete, pending and missing", () => {
  const band = stretches({ from: 0, to: 10 }, 8, [
    { from: -5, to: 2, why: "rate limit" },
    { from: 20, to: 30, why: "later" },
  ]);
  expect(band.map(({ from, to, kind }) => [from, to, kind])).toEqual([
    [0, 8, "complete"],
    [8, 10, "pending"],
    [0, 2, "gap"],
  ]);
  expect(stretches({ from: 0, to: 10 }, 99, [])).toHaveLength(1);
});
