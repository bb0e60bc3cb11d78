import { expect, test } from "vitest";

import { caret } from "./caret";
import { asked, toggled } from "./chips";
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
