// Polarity in words, with a shape and a colour.

import type { Polarity } from "../api/types";

const SHAPES: Record<Polarity, string> = {
  negative: "M6 10.5 1 2h10Z",
  neutral: "M1 5h10v2.4H1Z",
  positive: "M6 1.5 11 10H1Z",
};

export function PolarityTag({ polarity, confidence }: { polarity: Polarity | null; confidence: number | null }) {
  if (!polarity) return <span class="polarity">not scored</span>;
  const certainty = confidence === null ? "" : `the model is ${Math.round(confidence * 100)} % certain`;
  return (
    <span class={`polarity ${polarity}`} title={certainty}>
      <svg viewBox="0 0 12 12" aria-hidden="true">
        <path d={SHAPES[polarity]} fill="currentColor" />
      </svg>
      {polarity}
    </span>
  );
}
