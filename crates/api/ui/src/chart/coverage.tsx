// The band under a chart: green where every source has delivered, orange where one left a gap, pale where it is to come.

import type { Coverage } from "../api/types";
import type { Span } from "../state/span";
import { stretches } from "./series";

export function CoverageBand({ coverage, span, inset }: { coverage: Coverage; span: Span; inset: number }) {
  const complete = coverage.complete_through ? Date.parse(coverage.complete_through) : null;
  const gaps = coverage.gaps.map((gap) => ({
    from: Date.parse(gap.from),
    to: Date.parse(gap.to),
    why: `${gap.source}: ${gap.reason}`,
  }));
  const sampled = (coverage.sampled ?? []).map((part) => ({
    from: Date.parse(part.from),
    to: Date.parse(part.to),
    why: `${part.source}: about ${Math.round(part.rate * 100)} % was read; ${part.reason}`,
  }));
  const length = span.to - span.from;
  const share = (time: number) => (time / length) * 100;
  return (
    <div
      class="coverage-line"
      role="img"
      aria-label={`Coverage: ${coverage.note || "complete"}`}
      ref={(box) => void (box && (box.style.paddingLeft = `${inset}px`))}
    >
      <svg class="coverage" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
        {stretches(span, complete, [...sampled, ...gaps]).map((part) => (
          <rect
            key={`${part.kind}${part.from}`}
            class={part.kind}
            x={share(part.from - span.from)}
            y="0"
            height="6"
            width={Math.max(share(part.to - part.from), part.kind === "gap" ? 0.4 : 0)}
          >
            <title>{part.why}</title>
          </rect>
        ))}
      </svg>
    </div>
  );
}
