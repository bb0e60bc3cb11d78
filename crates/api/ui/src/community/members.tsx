// Response times, active members, newcomers.

import { memberPoints, members, newcomers, peerToPeer, responseTimes } from "../api/columns";
import { Chart } from "../chart/chart";
import { grid, onGrid } from "../chart/series";
import { count, duration, exact, NONE, percent } from "../format";
import { Facts } from "../parts/facts";
import { Panel } from "../parts/panel";
import { useMetric, useScene } from "../state/context";
import { bucketMillis } from "../state/span";

export function ResponseTime() {
  const answer = useMetric("first_response_time");
  const team = useMetric("team_response_time").data;
  return (
    <Panel
      title="First response time"
      class="w4"
      answer={answer}
      empty="Nobody has asked in this span."
      hasData={(table) => {
        const { answered, waiting } = responseTimes(table);
        return (answered ?? 0) + (waiting ?? 0) > 0;
      }}
    >
      {(table) => {
        const { median, p90, answered, waiting } = responseTimes(table);
        return (
          <>
            <Facts
              facts={[
                { name: "Half are answered within", value: reachedIn(median) },
                { name: "Nine in ten within", value: reachedIn(p90) },
                {
                  name: "Half by the team within",
                  value: team === null ? NONE : reachedIn(responseTimes(team).median),
                  from: team,
                },
                { name: "Answered", value: exact(answered) },
                { name: "Still waiting (censored)", value: exact(waiting) },
              ]}
            />
            <p class="small soft">
              Kaplan–Meier: who still waits counts as waiting and is not left out. “Not reached” means that fewer have
              an answer so far.
            </p>
          </>
        );
      }}
    </Panel>
  );
}

const reachedIn = (seconds: number | null) => (seconds === null ? "not reached" : duration(seconds));

export function ActiveMembers() {
  const { span } = useScene();
  const answer = useMetric("active_members", { by: "day" });
  return (
    <Panel
      title="Active members a day"
      class="w12"
      answer={answer}
      empty="Nobody has posted in this span."
      hasData={(table) => memberPoints(table).some(({ active }) => active)}
    >
      {(table) => {
        const width = bucketMillis("day");
        const starts = grid(span, width);
        const points = memberPoints(table).map((point) => ({ time: point.time, values: [point.active] }));
        const [active = []] = onGrid(starts, points, 1);
        return (
          <Chart
            kind="bars"
            span={span}
            height={200}
            starts={starts}
            width={width}
            series={[{ label: "members", colour: "--accent", drawn: active }]}
            marks={[]}
            axis={(value) => (Number.isInteger(value) ? count(value) : "")}
            coverage={table.coverage}
            summary={`Active members per day, at most ${exact(Math.max(0, ...active.map((value) => value ?? 0)))}.`}
            tip={(i) => [{ label: "members", value: exact(active[i] ?? null) }]}
          />
        );
      }}
    </Panel>
  );
}

export function Newcomers() {
  const active = useMetric("active_members");
  const arrived = useMetric("newcomers");
  const peers = useMetric("peer_to_peer_ratio");
  return (
    <Panel
      title="Belonging"
      class="w4"
      answer={active}
      empty="Nobody has posted in the 30 days before."
      hasData={(table) => members(table).monthly !== 0}
      asTable={false}
    >
      {(table) => {
        const { daily, weekly, monthly } = members(table);
        return (
          <Facts
            facts={[
              { name: "Active a day (DAU)", value: count(daily) },
              { name: "a week (WAU)", value: count(weekly) },
              { name: "a month (MAU)", value: count(monthly) },
              {
                name: "Newcomers, of all active in the span",
                value: percent(newcomers(arrived.data).share),
                from: arrived.data,
              },
              { name: "Replies by members to members", value: percent(peerToPeer(peers.data).ratio), from: peers.data },
              { name: "Replies whose parent is known", value: exact(peerToPeer(peers.data).known), from: peers.data },
            ]}
          />
        );
      }}
    </Panel>
  );
}
