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

/** Nothing in this span. Where the newest mention is older, offers to go there. */
export function Empty({ text }: { text: string }) {
  const scene = useScene();
  const older = scene.newest !== null && scene.newest < scene.span.from ? scene.newest : null;
  return (
    <div class="state">
      <p>{text}</p>
      {older !== null && (
        <button type="button" class="button" onClick={() => scene.showUntil(older + 60_000)}>
          Go to the newest mention, {moment(older, scene.now)}
        </button>
      )}
    </div>
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
