import { expect, test } from "vitest";

import { stageText } from "./footer";

test("a stage that does well is told by what waits before it", () => {
  expect(stageText({ state: "running", lag: 0 })).toBe("up to date");
  expect(stageText({ state: "running", lag: 1200 })).toBe("1,200 waiting");
  expect(stageText({ state: "running", lag: null })).toBe("running");
});

test("a stage that has stalled or failed says so first", () => {
  expect(stageText({ state: "stalled", lag: 1200 })).toBe("stalled · 1,200 waiting");
  expect(stageText({ state: "failed", lag: null })).toBe("failed");
  expect(stageText({ state: "stopped", lag: 0 })).toBe("stopped");
});
