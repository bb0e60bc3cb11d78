// What a panel shows instead of figures.

import type { Trouble } from "../api/client";
import { moment } from "../format";
import { useScene } from "../state/context";

export function Loading() {
  return (
    <div class="loading" role="status">
      <span class="unseen">loading</span>
    </div>
  );
}

export function Empty({ text }: { text: string }) {
  return (
    <div class="state">
      <p>{text}</p>
    </div>
  );
}

/** Where every mention is older than the span: says so, and offers to go there. */
export function Older() {
  const { brand, newest, now, span, showUntil } = useScene();
  if (newest === null || newest >= span.from) return null;
  return (
    <section class="banner past" aria-label="Older mentions">
      <p>
        The newest mention of {brand} is of {moment(newest, now)}, before this span.
      </p>
      <button type="button" class="button" onClick={() => showUntil(newest + 60_000)}>
        Go to the newest mention
      </button>
    </section>
  );
}

export function TroubleNote({ trouble }: { trouble: Trouble }) {
  return (
    <div class="state trouble" role="alert">
      <strong>{sentence(trouble.message)}</strong>
      <p>{sentence(trouble.hint)}</p>
    </div>
  );
}

/** The API writes lower-case with no full stop; a page writes sentences. */
function sentence(text: string): string {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}
