// How old a figure is that was computed before it was asked for.

import { ago } from "../format";
import { useScene } from "../state/context";

/** Figures younger than this are as good as new. */
const YOUNG = 60_000;

export function Age({ of }: { of: string }) {
  const { now } = useScene();
  const at = Date.parse(of);
  if (now - at < YOUNG) return null;
  return (
    <time class="age small" dateTime={of} title="Computed then, before it was asked for now">
      {ago(at, now)}
    </time>
  );
}
