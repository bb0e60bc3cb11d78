import { expect, test } from "vitest";

import { caret } from "./caret";
import { asked, toggled } from "./chips";
import { noLongerKept } from "./kept";
import { pieces } from "./mark";

test("a text is cut at characters, not at their halves", () => {
  expect(pieces("so 🔥 good", [[3, 4], [5, 9]])).toEqual([
    { text: "so ", hit: false },
    { text: "🔥", hit: true },
    { text: " ", hit: false },
    { text: "good", hit: true },
  ]);
});

test("chips of one kind add to each other, and unknown ones ask nothing", () => {
  expect(asked(["negative", "media", "unscored", "x"])).toEqual({ polarity: "negative,unscored", media: "true" });
  expect(toggled(toggled([], "media"), "media")).toEqual([]);
});

test("the caret stands under the place", () => {
  expect(caret("acme (phone", 6)).toBe("acme (phone\n     ^");
  expect(caret("東京 (", 4)).toBe("東京 (\n\u3000\u3000 ^");
});

test("what is no longer kept is said by when, with the platforms, the latest first", () => {
  const gap = (platform: string, to: string) => ({ brand: "Grove", platform, from: "2026-01-01T00:00:00", to });
  const removed = [gap("forum", "2026-02-01T00:00:00"), gap("reddit", "2026-05-01T00:00:00"), gap("x", "2026-05-01T00:00:00")];
  expect(noLongerKept(removed, Date.parse("2026-06-01T00:00:00"))).toEqual([
    "Posts on reddit and x from before 1 May, 00:00 are no longer kept.",
    "Posts on forum from before 1 Feb, 00:00 are no longer kept.",
  ]);
  expect(noLongerKept([], 0)).toEqual([]);
});
