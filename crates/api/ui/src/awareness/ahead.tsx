// What is to come: the volume to expect, and when to post.

import { dailyMentions, forecast, postingHours, type PostingHour } from "../api/outward";
import { Chart } from "../chart/chart";
import { count, decimal, exact, percent } from "../format";
import { Panel } from "../parts/panel";
import { useMetric, useScene } from "../state/context";
import type { Span } from "../state/span";

const DAY = 86_400_000;
/** Days of the past that stand before the forecast. */
const BEFORE = 28;

const dayOf = (time: number) => Math.floor(time / DAY) * DAY;
const weeksBefore = ({ to }: Span): Span => ({ from: dayOf(to) - BEFORE * DAY, to: dayOf(to) });

export function Forecast() {
  const { span } = useScene();
  const answer = useMetric("volume_forecast");
  const today = dayOf(span.to);
  const past = useMetric("mention_volume", { by: "day", span: weeksBefore }).data;
  return (
    <Panel
      title="Volume to expect"
      class="w6"
      answer={answer}
      empty="Fewer than 28 whole days of mentions are known: too few to continue them."
      hasData={(table) => forecast(table).days.some(({ expected }) => expected !== null)}
    >
      {(table) => {
        const { days, method, error, otherError, tested } = forecast(table);
        const first = days[0]?.day ?? today;
        const starts = Array.from({ length: BEFORE + days.length }, (_, i) => first + (i - BEFORE) * DAY);
        const known = dailyMentions(past);
        const counted = starts.map((start) => (start < first ? (known.get(start) ?? null) : null));
        const of = (pick: "expected" | "low" | "high") =>
          starts.map((start) => days.find(({ day }) => day === start)?.[pick] ?? null);
        const [expected, low, high] = [of("expected"), of("low"), of("high")];
        const sum = expected.reduce<number>((all, value) => all + (value ?? 0), 0);
        return (
          <>
            <div class="key">
              <span>
                <i class="swatch accent" />
                counted
              </span>
              <span>
                <i class="swatch positive" />
                expected
              </span>
              <span>
                <i class="swatch unscored" />
                four days in five lie between
              </span>
            </div>
            <Chart
              kind="line"
              span={{ from: starts[0] ?? first, to: (starts.at(-1) ?? first) + DAY }}
              height={200}
              starts={starts}
              width={DAY}
              series={[
                { label: "counted", colour: "--accent", drawn: counted },
                { label: "high", colour: "--unscored", drawn: high },
                { label: "low", colour: "--unscored", drawn: low },
                { label: "expected", colour: "--positive-fill", drawn: expected },
              ]}
              marks={[]}
              axis={(value) => (Number.isInteger(value) ? count(value) : "")}
              coverage={table.coverage}
              summary={`About ${count(sum)} mentions are expected in the ${days.length} days that follow.`}
              tip={(i) => [
                { label: "counted", value: exact(counted[i] ?? null) },
                { label: "expected", value: decimal(expected[i] ?? null, 0) },
                { label: "between", value: `${decimal(low[i] ?? null, 0)} and ${decimal(high[i] ?? null, 0)}` },
              ]}
            />
            <p class="small soft">
              Method: {method}. Tried on {exact(tested)} days, it missed {percent(error)} of what was there; the other
              method {percent(otherError)}.
            </p>
          </>
        );
      }}
    </Panel>
  );
}

const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const HOURS = Array.from({ length: 24 }, (_, hour) => hour);

export function BestTimes() {
  const answer = useMetric("best_time_to_post", { limit: 1000 });
  return (
    <Panel
      title="Best time to post"
      class="w4"
      answer={answer}
      empty="No post of the team with known counters in the last 16 weeks. Name its accounts in the configuration."
    >
      {(table) => {
        const { platform, hours } = mostUsed(postingHours(table));
        const best = [...hours].sort((a, b) => b.expected - a.expected).slice(0, 3);
        return (
          <>
            <p>
              On {platform}:{" "}
              {best.map((one) => `${WEEKDAYS[one.weekday - 1]} ${clock(one.hour)} (${decimal(one.expected, 0)})`).join(", ")}
            </p>
            <Week hours={hours} />
            <p class="small soft">
              Engagements to expect of a post, hours in UTC: the stronger the colour, the more. Hours with few posts lean to the mean.
            </p>
          </>
        );
      }}
    </Panel>
  );
}

const clock = (hour: number) => `${String(hour).padStart(2, "0")}:00`;

/** The platform with most posts of the team. */
function mostUsed(all: PostingHour[]): { platform: string; hours: PostingHour[] } {
  const posts = new Map<string, number>();
  for (const one of all) posts.set(one.platform, (posts.get(one.platform) ?? 0) + one.posts);
  const platform = [...posts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? "";
  return { platform, hours: all.filter((one) => one.platform === platform) };
}

const LEVELS = 5;

function Week({ hours }: { hours: PostingHour[] }) {
  const most = Math.max(...hours.map(({ expected }) => expected));
  const least = Math.min(...hours.map(({ expected }) => expected));
  const level = (expected: number) =>
    most > least ? Math.min(LEVELS, 1 + Math.floor(((expected - least) / (most - least)) * LEVELS)) : LEVELS;
  return (
    <table class="week">
      <caption class="unseen">Engagements to expect of a post, by weekday and hour</caption>
      <thead>
        <tr>
          <td />
          {HOURS.map((hour) => (
            <th key={hour} scope="col">
              <span class="unseen">{clock(hour)}</span>
              {hour % 6 === 0 && <span aria-hidden="true">{hour}</span>}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {WEEKDAYS.map((name, i) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            {HOURS.map((hour) => {
              const one = hours.find((of) => of.weekday === i + 1 && of.hour === hour);
              const said = one ? `${decimal(one.expected, 0)}, ${exact(one.posts)} posts` : "no post";
              return (
                <td key={hour} class={one ? `l${level(one.expected)}` : ""} title={`${name} ${clock(hour)}: ${said}`}>
                  <span class="unseen">{said}</span>
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
