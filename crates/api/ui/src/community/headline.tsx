// How the community is doing, in six figures.

import { members, newcomers, peerToPeer, responseRate, type ResponseTimes, responseTimes } from "../api/columns";
import { count, duration, exact, percent } from "../format";
import { Change, Stat } from "../parts/stat";
import { useMetric } from "../state/context";
import { previous } from "../state/span";

export function CommunityHeadline() {
  const response = useMetric("first_response_time");
  const waiting = useMetric("unanswered_questions", { limit: 1000 });
  const rate = useMetric("response_rate");
  const rateBefore = useMetric("response_rate", { span: previous });
  const active = useMetric("active_members");
  const arrived = useMetric("newcomers");
  const arrivedBefore = useMetric("newcomers", { span: previous });
  const peers = useMetric("peer_to_peer_ratio");

  return (
    <div class="headline">
      <Stat
        name="First response, median"
        answer={response}
        value={(table) => duration(responseTimes(table).median)}
        note={(table) => slowest(responseTimes(table))}
      />
      <Stat
        name="Unanswered questions"
        answer={waiting}
        value={(table) => (table.rows.length >= 1000 ? "1,000+" : exact(table.rows.length))}
        note={() => "past their target time"}
      />
      <Stat
        name="Response rate"
        answer={rate}
        value={(table) => percent(responseRate(table).rate)}
        note={(table) => (
          <Change from={responseRate(rateBefore.data).rate} to={responseRate(table).rate} unit="points" goodWhen="up" />
        )}
      />
      <Stat
        name="Active members, a week"
        answer={active}
        value={(table) => count(members(table).weekly)}
        note={(table) => `${count(members(table).daily)} a day, ${count(members(table).monthly)} a month`}
      />
      <Stat
        name="Newcomers"
        answer={arrived}
        value={(table) => count(newcomers(table).count)}
        note={(table) => (
          <Change
            from={newcomers(arrivedBefore.data).count}
            to={newcomers(table).count}
            unit="%"
            goodWhen="up"
            relative
          />
        )}
      />
      <Stat
        name="Peer-to-peer replies"
        answer={peers}
        value={(table) => percent(peerToPeer(table).ratio)}
        note={(table) => `of ${count(peerToPeer(table).known)} replies are by members to members`}
      />
    </div>
  );
}

/** The slowest half or tenth may not be known: then fewer are answered. */
function slowest({ median, p90 }: ResponseTimes): string {
  if (median === null) return "fewer than half are answered";
  return p90 === null ? "fewer than nine in ten are answered" : `nine in ten within ${duration(p90)}`;
}
