// The search box of the header. `/` comes to it from anywhere, Escape leaves the search.

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

import type { View } from "../state/url";

/** Where a key is a letter and no command. */
const TYPED = "input, textarea, select, [contenteditable]";

export function SearchBox({ view, onView }: { view: View; onView: (view: View) => void }) {
  const [text, setText] = useState(view.query ?? "");
  const box = useRef<HTMLInputElement>(null);

  // Back and Forward change what is searched.
  useEffect(() => setText(view.query ?? ""), [view.query]);

  // Before the box is shown: an effect that waits for a frame, as a busy machine makes it wait, would miss a key pressed at what is seen.
  useLayoutEffect(() => {
    const come = (event: KeyboardEvent) => {
      const typed = event.target instanceof Element && event.target.closest(TYPED);
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || typed) return;
      event.preventDefault();
      box.current?.select();
    };
    addEventListener("keydown", come);
    return () => removeEventListener("keydown", come);
  }, []);

  const leave = (event: KeyboardEvent) => {
    if (event.key !== "Escape") return;
    setText("");
    if (view.query !== null) onView({ ...view, query: null, chips: [] });
  };
  return (
    <form
      class="search"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        onView({ ...view, query: text.trim() });
      }}
    >
      <input
        ref={box}
        type="search"
        aria-label="Search the posts"
        aria-keyshortcuts="/"
        placeholder={'Search posts: words, "phrases", OR, -not'}
        autoComplete="off"
        spellcheck={false}
        maxLength={2000}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={leave}
      />
      <kbd aria-hidden="true">/</kbd>
    </form>
  );
}
