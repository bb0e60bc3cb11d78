// People judge posts that chance draws, without seeing what the model says: that measures it on this brand's own posts.

import { useEffect, useId, useRef, useState } from "preact/hooks";

import { getDrawn, giveLabel, Trouble } from "../api/client";
import type { Checked, Mention, Polarity } from "../api/types";
import { askSoon } from "../api/use";
import { count, moment, percent } from "../format";
import { Loading, TroubleNote } from "../parts/states";
import { useScene } from "../state/context";
import { agreement, atLeast, isEnough, judged, POLARITIES, saidByModel, total } from "./checked";
import { NAME } from "./name";

export function CheckTheModel() {
  const { brand } = useScene();
  return <Check key={brand} brand={brand} />;
}

function Check({ brand }: { brand: string }) {
  const heading = useId();
  const [checked, setChecked] = useState<Checked | null>(null);
  const [queue, setQueue] = useState<Mention[]>([]);
  const [judging, setJudging] = useState(false);
  const [busy, setBusy] = useState(false);
  const [last, setLast] = useState("");
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  /** Of this visit: what was given may not be stored yet, and what was skipped is not shown again. */
  const seen = useRef(new Set<string>());

  const attempt = async (work: () => Promise<void>) => {
    setBusy(true);
    setTrouble(null);
    try {
      await work();
    } catch (error) {
      setTrouble(error instanceof Trouble ? error : new Trouble("page", String(error), "reload the page"));
    }
    setBusy(false);
  };
  const draw = async () => {
    const drawn = await getDrawn({ brand });
    setChecked((known) => atLeast(known, drawn.checked));
    setQueue(drawn.mentions.filter(({ id }) => !seen.current.has(id)));
  };
  useEffect(() => void attempt(draw), []);

  const [post] = queue;
  const next = async (done: Mention) => {
    seen.current.add(done.id);
    if (queue.length > 1) setQueue(queue.slice(1));
    else await draw();
  };
  const say = (field: "polarity" | "relevance", value: string) =>
    attempt(async () => {
      if (!post) return;
      const by = localStorage.getItem(NAME)?.trim() || "page";
      await giveLabel(post.id, { brand, field, value, by, drawn: true });
      askSoon();
      const model = saidByModel(post);
      if (field === "polarity") setChecked((known) => known && judged(known, value as Polarity, model));
      setLast(field === "relevance" ? `You: not about ${brand}` : `You: ${value} · the model: ${model ?? "nothing"}`);
      await next(post);
    });

  return (
    <section class="panel w12 check" aria-labelledby={heading} aria-busy={busy}>
      <header>
        <h2 id={heading}>Check the model</h2>
      </header>
      <div class="body">
        {trouble && <TroubleNote trouble={trouble} />}
        {!checked && !trouble && <Loading />}
        {checked && <SoFar checked={checked} brand={brand} />}
        {checked && judging && post && (
          <Judge post={post} brand={brand} busy={busy} say={say} skip={() => attempt(() => next(post))} />
        )}
        {checked && !post && !busy && (
          <p class="soft">
            {seen.current.size > 0 ? "That was every scored post" : "There is no scored post"} of the last 30 days that nobody
            judged.
          </p>
        )}
        <p class="small soft" role="status">
          {last}
        </p>
        {checked && !judging && post && (
          <button type="button" class="button" onClick={() => setJudging(true)}>
            Judge posts
          </button>
        )}
      </div>
    </section>
  );
}

/** What the checks say so far, and what they are good for. */
function SoFar({ checked, brand }: { checked: Checked; brand: string }) {
  const share = agreement(checked);
  const { needed } = checked;
  return (
    <>
      <p>
        {share === null
          ? `Nobody has checked yet how the model reads posts about ${brand}.`
          : `The model agreed with people on ${percent(share.value, 0)} of ${count(total(checked))} posts that chance drew ` +
            `(95 % interval ${percent(share.low, 0)} to ${percent(share.high, 0)}).`}
      </p>
      <ul class="checked">
        {POLARITIES.map((polarity) => (
          <li key={polarity}>
            <label>
              <span>
                {count(checked[polarity])}
                {checked[polarity] < needed && ` of ${needed}`} {polarity}
              </span>
              <progress max={needed} value={Math.min(checked[polarity], needed)} />
            </label>
          </li>
        ))}
      </ul>
      <p class="small soft">
        {isEnough(checked)
          ? "The corrected net sentiment uses these checks. More of them make its interval narrower."
          : `From ${needed} of each on, they correct the net sentiment instead of checks on posts of others.`}
      </p>
    </>
  );
}

interface JudgeProps {
  post: Mention;
  brand: string;
  busy: boolean;
  say: (field: "polarity" | "relevance", value: string) => void;
  skip: () => void;
}

function Judge({ post, brand, busy, say, skip }: JudgeProps) {
  const { now } = useScene();
  const text = useRef<HTMLQuoteElement>(null);
  // The focus stays on the post while posts change: its keys go on working, and a screen reader reads the next.
  useEffect(() => text.current?.focus(), [post.id]);
  const key = (event: KeyboardEvent) => {
    const polarity = POLARITIES[Number(event.key) - 1];
    if (busy || !polarity || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    say("polarity", polarity);
  };
  return (
    <div class="judge" role="group" aria-label="A post that chance drew" onKeyDown={key}>
      <blockquote ref={text} tabIndex={-1} dir="auto" lang={post.language ?? undefined}>
        {post.text}
      </blockquote>
      <p class="small soft">
        {post.author_name ?? post.author} on {post.platform}, {moment(Date.parse(post.created_at), now)}
      </p>
      <p class="small">What sentiment does it express? (keys 1 to 3)</p>
      <div class="choices">
        {POLARITIES.map((polarity, at) => (
          <button
            key={polarity}
            type="button"
            class="button"
            aria-keyshortcuts={String(at + 1)}
            disabled={busy}
            onClick={() => say("polarity", polarity)}
          >
            {polarity}
          </button>
        ))}
        <button type="button" class="button quiet" disabled={busy} onClick={() => say("relevance", "no")}>
          not about {brand}
        </button>
        <button type="button" class="button quiet" disabled={busy} onClick={skip}>
          skip
        </button>
      </div>
    </div>
  );
}
