// Mentions and sentiment over time.

import { correctedPoints, polarityPoints } from "../api/columns";
import type { MetricTable } from "../api/types";
import { Chart } from "../chart/chart";
import { grid, onGrid, stack } from "../chart/series";
import { between, count, exact, NONE, signed } from "../format";
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

/** On a full grid. The API says 0 where nothing was posted and null where nothing is known: a gap stays a gap. */
function gridded(table: MetricTable, span: Span) {
  const width = bucketMillis(bucketFor(span));
  const starts = grid(span, width);
  const points = polarityPoints(table).map((point) => ({
    time: point.time,
    values: [point.negative, point.neutral, point.positive, point.unscored],
  }));
  const [negative = [], neutral = [], positive = [], unscored = []] = onGrid(starts, points, 4);
  return { width, starts, negative, neutral, positive, unscored };
}

const anyMention = (table: MetricTable) =>
  polarityPoints(table).some(
    ({ negative, neutral, positive, unscored }) => negative || neutral || positive || unscored,
  );

const total = (values: (number | null)[]) => values.reduce<number>((sum, value) => sum + (value ?? 0), 0);

export function MentionsOverTime() {
  const { span } = useScene();
  const answer = useMetric("net_sentiment", { by: bucketFor });
  const marks = useMarks();
  return (
    <Panel title="Mentions over time" class="w8" answer={answer} empty="No mentions in this span." hasData={anyMention}>
      {(table) => {
        const data = gridded(table, span);
        const [low = [], middle = [], high = [], top = []] = stack([
          data.negative,
          data.neutral,
          data.positive,
          data.unscored,
        ]);
        const sums = `${exact(total(data.negative))} negative, ${exact(total(data.neutral))} neutral, ${exact(total(data.positive))} positive, ${exact(total(data.unscored))} not scored`;
        return (
          <>
            <Key marks={marks.length > 0} unscored={total(data.unscored) > 0} />
            <Chart
              kind="bars"
              span={span}
              height={300}
              starts={data.starts}
              width={data.width}
              series={[
                { label: "not scored", colour: "--unscored", drawn: top },
                { label: "positive", colour: "--positive-fill", drawn: high },
                { label: "neutral", colour: "--neutral-fill", drawn: middle },
                { label: "negative", colour: "--negative-fill", drawn: low },
              ]}
              marks={marks}
              axis={(value) => (Number.isInteger(value) ? count(value) : "")}
              coverage={table.coverage}
              summary={`Mentions per ${bucketFor(span)}: ${sums}.`}
              tip={(i) => [
                { label: "not scored", value: exact(data.unscored[i] ?? null) },
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

function Key({ marks, unscored }: { marks: boolean; unscored: boolean }) {
  return (
    <div class="key">
      {["positive", "neutral", "negative"].map((name) => (
        <span key={name}>
          <i class={`swatch ${name}`} />
          {name}
        </span>
      ))}
      {unscored && (
        <span>
          <i class="swatch unscored" />
          not scored
        </span>
      )}
      {marks && (
        <span>
          <i class="swatch alert" />
          alert open
        </span>
      )}
    </div>
  );
}

/** By the hour, a week of a small brand is all zigzag: days say more. */
const coarseBucketFor = (span: Span) => (span.to - span.from <= 2 * bucketMillis("day") ? "hour" : "day");

export function SentimentOverTime() {
  const { span } = useScene();
  const bucket = coarseBucketFor(span);
  const answer = useMetric("net_sentiment", { by: coarseBucketFor });
  const corrected = correctedPoints(useMetric("net_sentiment_corrected", { by: coarseBucketFor }).data);
  const marks = useMarks();
  return (
    <Panel
      title="Net sentiment over time"
      class="w4"
      answer={answer}
      empty="No scored mentions in this span."
      hasData={(table) => polarityPoints(table).some((point) => point.net !== null)}
    >
      {(table) => {
        const width = bucketMillis(bucket);
        const starts = grid(span, width);
        const points = polarityPoints(table).map((point) => ({ time: point.time, values: [point.net] }));
        const [net = []] = onGrid(starts, points, 1);
        const known = net.filter((value) => value !== null);
        return (
          <Chart
            kind="line"
            span={span}
            height={200}
            starts={starts}
            width={width}
            series={[{ label: "net sentiment", colour: "--accent", drawn: net }]}
            marks={marks}
            axis={(value) => signed(value, 0)}
            range={[Math.min(-10, ...known) - 5, Math.max(10, ...known) + 5]}
            coverage={table.coverage}
            summary={`Net sentiment per ${bucket}, from ${signed(Math.min(...known))} to ${signed(Math.max(...known))}.`}
            tip={(i) => {
              const { value, low, high } = corrected.get(starts[i] ?? Number.NaN) ?? { value: null, low: null, high: null };
              return [
                { label: "net sentiment", value: net[i] === null || net[i] === undefined ? NONE : signed(net[i]) },
                { label: "corrected", value: between(value, low, high) },
              ];
            }}
          />
        );
      }}
    </Panel>
  );
}
