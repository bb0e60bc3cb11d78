// Mentions and sentiment over time.

import { polarityPoints } from "../api/columns";
import type { MetricTable } from "../api/types";
import { Chart } from "../chart/chart";
import { grid, onGrid, stack } from "../chart/series";
import { count, exact, NONE, signed } from "../format";
import { Panel } from "../parts/panel";
import { useMetric, useScene } from "../state/context";
import { bucketFor, bucketMillis, type Span } from "../state/span";

/** Spans of the alerts that the chart marks. */
function useMarks() {
  const { episodes, span } = useScene();
  return episodes.map((episode) => ({
    from: Date.parse(episode.started_at),
    to: episode.resolved_at ? Date.parse(episode.resolved_at) : span.to,
  }));
}

/** On a full grid: 0 where nothing was said, unknown in a gap of the sources and before they have spoken. */
function gridded(table: MetricTable, span: Span, inGap: number | null = null) {
  const width = bucketMillis(bucketFor(span));
  const starts = grid(span, width);
  const gaps = table.coverage.gaps.map((gap) => ({ from: Date.parse(gap.from), to: Date.parse(gap.to) }));
  const missing = (start: number) => gaps.some((gap) => gap.from <= start && start + width <= gap.to);
  const points = polarityPoints(table).map((point) => ({ time: point.time, values: [point.negative, point.neutral, point.positive, point.net] }));
  const [negative = [], neutral = [], positive = [], net = []] = onGrid(starts, points, 4, (start) => (missing(start) ? inGap : 0));
  return { width, starts, negative, neutral, positive, net };
}

const total = (values: (number | null)[]) => values.reduce<number>((sum, value) => sum + (value ?? 0), 0);

export function MentionsOverTime() {
  const { span } = useScene();
  const answer = useMetric("net_sentiment", { by: bucketFor(span), limit: 1000 });
  const marks = useMarks();
  return (
    <Panel title="Mentions over time" class="w8" answer={answer} empty="No mentions in this span.">
      {(table) => {
        const data = gridded(table, span);
        const [low = [], middle = [], high = []] = stack([data.negative, data.neutral, data.positive]);
        const sums = `${exact(total(data.negative))} negative, ${exact(total(data.neutral))} neutral, ${exact(total(data.positive))} positive`;
        return (
          <>
            <Key marks={marks.length > 0} />
            <Chart
              kind="bars"
              span={span}
              height={250}
              starts={data.starts}
              width={data.width}
              series={[
                { label: "positive", colour: "--positive-fill", drawn: high },
                { label: "neutral", colour: "--neutral-fill", drawn: middle },
                { label: "negative", colour: "--negative-fill", drawn: low },
              ]}
              marks={marks}
              axis={(value) => (Number.isInteger(value) ? count(value) : "")}
              coverage={table.coverage}
              summary={`Mentions per ${bucketFor(span)}: ${sums}.`}
              tip={(i) => [
                { label: "positive", value: exact(data.positive[i] ?? null) },
                { label: "neutral", value: exact(data.neutral[i] ?? null) },
                { label: "negative", value: exact(data.negative[i] ?? null) },
              ]}
            />
          </>
        );
      }}
    </Panel>
  );
}

function Key({ marks }: { marks: boolean }) {
  return (
    <div class="key">
      {["positive", "neutral", "negative"].map((name) => (
        <span key={name}>
          <i class={`swatch ${name}`} />
          {name}
        </span>
      ))}
      {marks && (
        <span>
          <i class="swatch alert" />
          alert open
        </span>
      )}
    </div>
  );
}

export function SentimentOverTime() {
  const { span } = useScene();
  const answer = useMetric("net_sentiment", { by: "day", limit: 1000 });
  const marks = useMarks();
  return (
    <Panel title="Net sentiment over time" class="w4" answer={answer} empty="No scored mentions in this span." hasData={(table) => polarityPoints(table).some((point) => point.net !== null)}>
      {(table) => {
        const width = bucketMillis("day");
        const starts = grid(span, width);
        const points = polarityPoints(table).map((point) => ({ time: point.time, values: [point.net] }));
        const [net = []] = onGrid(starts, points, 1, () => null);
        const known = net.filter((value) => value !== null);
        return (
          <Chart
            kind="line"
            span={span}
            height={190}
            starts={starts}
            width={width}
            series={[{ label: "net sentiment", colour: "--accent", drawn: net }]}
            marks={marks}
            axis={(value) => signed(value, 0)}
            range={[Math.min(-10, ...known) - 5, Math.max(10, ...known) + 5]}
            coverage={table.coverage}
            summary={`Net sentiment per day, from ${signed(Math.min(...known))} to ${signed(Math.max(...known))}.`}
            tip={(i) => [{ label: "net sentiment", value: net[i] === null || net[i] === undefined ? NONE : signed(net[i]) }]}
          />
        );
      }}
    </Panel>
  );
}
