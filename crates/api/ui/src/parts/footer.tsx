// What the figures rest on: how fresh each source is, what waits in the pipeline, which model scored.

import type { Invariant, Source, Stage, Status } from "../api/types";
import type { Answer } from "../api/use";
import { count, exact, percent, when } from "../format";

/** Waiting for a quota is as it should be. */
const GOOD = new Set(["live", "catching_up", "waiting", "running", "ended", "starting"]);

function Dot({ state }: { state: string }) {
  return <span class={`dot ${GOOD.has(state) ? "good" : "bad"}`} aria-hidden="true" />;
}

export function TrustFooter({ answer, now }: { answer: Answer<Status>; now: number }) {
  const status = answer.data;
  return (
    <footer>
      <div class="trust">
        {answer.trouble && (
          <p role="alert">
            {answer.trouble.message}: {answer.trouble.hint}
          </p>
        )}
        {status && (
          <>
            <section aria-label="Sources">
              <h3>Sources</h3>
              <ul>
                {status.sources.map((source) => (
                  <SourceLine key={source.name} source={source} now={now} />
                ))}
                {status.sources.length === 0 && <li class="soft">none is configured</li>}
              </ul>
            </section>
            <section aria-label="Pipeline">
              <h3>Pipeline</h3>
              <ul>
                {status.stages.map((stage) => (
                  <StageLine key={stage.name} stage={stage} />
                ))}
                {status.invariants
                  .filter((invariant) => invariant.violations > 0)
                  .map((invariant) => (
                    <InvariantLine key={invariant.name} invariant={invariant} now={now} />
                  ))}
                {status.engine_restarts > 0 && <li>engine restarted {status.engine_restarts} times</li>}
              </ul>
            </section>
            <section aria-label="Model">
              <h3>Model</h3>
              <ModelLine status={status} />
            </section>
          </>
        )}
        <section aria-label="About">
          <h3>Grapevine</h3>
          <p>
            {status && `version ${status.version} · `}
            <a href="api/v1/openapi.json">API</a>
          </p>
        </section>
      </div>
    </footer>
  );
}

function SourceLine({ source, now }: { source: Source; now: number }) {
  return (
    <li title={source.message ?? ""}>
      <Dot state={source.state} />
      {source.name}{" "}
      <span class="soft">
        {[source.state.replaceAll("_", " "), ...given(source, now)].join(" · ")}
      </span>
      {source.since && !GOOD.has(source.state) && <span class="soft"> · since {when(Date.parse(source.since), now)}</span>}
      {source.usage?.quota
        ?.filter((quota) => quota.used > 0)
        .map((quota) => (
          <span class="soft" key={quota.what}>
            {" "}
            · {exact(quota.used)} of {exact(quota.allowed)} {quota.what}
          </span>
        ))}
      {source.usage?.spend && (
        <span class="soft">
          {" "}
          · {source.usage.spend.spent.toFixed(2)} of {source.usage.spend.cap.toFixed(2)} spent this month,{" "}
          {percent(source.usage.spend.share * 100)} read
        </span>
      )}
      {source.message && (source.state === "waiting" || !GOOD.has(source.state)) && <span> · {source.message}</span>}
    </li>
  );
}

/** What came from a source since the program started: posts, or rows such as those of campaigns, or both. */
function given({ newest_at, mentions, rows }: Source, now: number): string[] {
  const posts = newest_at ? [`newest ${when(Date.parse(newest_at), now)}`, `${count(mentions)} mentions`] : [];
  const others = rows > 0 ? [`${count(rows)} rows`] : [];
  return posts.length + others.length > 0 ? [...posts, ...others] : ["nothing yet"];
}

function StageLine({ stage }: { stage: Stage }) {
  return (
    <li title={stage.message ?? ""}>
      <Dot state={stage.state} />
      {stage.name}{" "}
      <span class="soft">
        {stageText(stage)}
        {stage.dead_letters > 0 && ` · ${exact(stage.dead_letters)} dead letters`}
      </span>
      {stage.message && !GOOD.has(stage.state) && <span> · {stage.message}</span>}
      {stage.state === "stalled" && <span> · its log says what it waits for</span>}
    </li>
  );
}

/** A stage that does well is told by what waits before it; one that does not, by its state first. */
export function stageText({ state, lag }: Pick<Stage, "state" | "lag">): string {
  const waiting = lag === null ? null : lag === 0 ? "up to date" : `${exact(lag)} waiting`;
  if (GOOD.has(state)) return waiting ?? state;
  return waiting === null || lag === 0 ? state : `${state} · ${waiting}`;
}

/** Only those that are violated are shown: what to do is in the words. */
function InvariantLine({ invariant, now }: { invariant: Invariant; now: number }) {
  return (
    <li role="alert">
      <Dot state="violated" />
      {invariant.name.replaceAll("_", " ")}{" "}
      <span class="soft">
        {exact(invariant.violations)} of {exact(invariant.checked)} · checked {when(Date.parse(invariant.checked_at), now)}
      </span>
      <span> · {invariant.meaning}</span>
    </li>
  );
}

function ModelLine({ status }: { status: Status }) {
  const { model } = status;
  if (!model) return <p class="soft">not loaded yet</p>;
  const accuracy = model.accuracy === null ? "accuracy not stated" : `macro-recall ${percent(model.accuracy * 100)}`;
  return (
    <p>
      {model.id}{" "}
      <span class="soft">
        {model.engine} · {accuracy}
        {model.measured_on && ` on ${model.measured_on}`}
      </span>
    </p>
  );
}
