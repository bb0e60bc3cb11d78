// A person corrects the model: what they say shows at once, counts within seconds, and can be undone.

import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";

import { giveLabel, takeBack, Trouble } from "../api/client";
import type { Label, Mention } from "../api/types";
import { placeCard } from "../parts/card";
import { TroubleNote } from "../parts/states";
import { useScene } from "../state/context";
import { Forget } from "./forget";
import { hide } from "./hidden";
import { isIrrelevant, sentence } from "./labels";
import { NAME } from "./name";
import type { Named } from "./request";

const POLARITIES = ["negative", "neutral", "positive"];
const INTENTS = ["question", "complaint", "suggestion", "praise", "purchase", "none"];

/** Said beside a post that people labelled. */
export function ByPeople({ post }: { post: Mention }) {
  if (post.labels.length === 0) return null;
  const words = isIrrelevant(post) ? "not about the brand" : "corrected";
  return (
    <span class="by-people" title={post.labels.map(sentence).join("\n")}>
      {words} by {[...new Set(post.labels.map(({ by }) => by))].join(", ")}
    </span>
  );
}

export function Correct({ post, onLabel }: { post: Mention; onLabel: (label: Label) => void }) {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const card = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState(false);
  const [forgetting, setForgetting] = useState(false);
  const name = `Wrong? Correct this post by ${post.author}`;
  // Its height is known once it is filled.
  useLayoutEffect(() => {
    if (open) placeCard(button.current, card.current);
  }, [open]);
  // What is forgotten is no longer shown: the focus stays at its place.
  const closed = (taken: Named | null) => {
    setForgetting(false);
    const place = taken ? button.current?.closest<HTMLElement>(".post") : button.current;
    if (taken) {
      hide(post, taken);
      if (place) place.tabIndex = -1;
    }
    place?.focus();
  };
  const toggled = (event: Event) => setOpen((event as ToggleEvent).newState === "open");
  return (
    <>
      <button ref={button} type="button" class="button quiet" popovertarget={id} aria-label={name}>
        Wrong?
      </button>
      <div ref={card} id={id} popover="auto" role="dialog" class="card correct" aria-label={name} onToggle={toggled}>
        {open && <Choices post={post} onLabel={onLabel} />}
        {open && (
          <button type="button" class="button quiet" onClick={() => setForgetting(true)}>
            Forget this author or post …
          </button>
        )}
      </div>
      {forgetting && <Forget post={post} onClose={closed} />}
    </>
  );
}

function Choices({ post, onLabel }: { post: Mention; onLabel: (label: Label) => void }) {
  const { brand } = useScene();
  const [by, setBy] = useState(localStorage.getItem(NAME) ?? "");
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const [busy, setBusy] = useState(false);

  const say = async (field: Label["field"], value: string | null) => {
    const who = by.trim() || "page";
    localStorage.setItem(NAME, by.trim());
    setBusy(true);
    setTrouble(null);
    try {
      const kept =
        value === null
          ? await takeBack(post.id, { brand, field, by: who })
          : await giveLabel(post.id, { brand, field, value, by: who });
      kept.forEach(onLabel);
    } catch (error) {
      setTrouble(error instanceof Trouble ? error : new Trouble("page", String(error), "reload the page"));
    }
    setBusy(false);
  };

  const irrelevant = isIrrelevant(post);
  return (
    <>
      <h3>What is it?</h3>
      <Row name="Polarity" values={POLARITIES} now={post.polarity} busy={busy} choose={(it) => say("polarity", it)} />
      <Row name="Intent" values={INTENTS} now={post.intent} busy={busy} choose={(it) => say("intent", it)} />
      <Themes key={post.themes.join()} themes={post.themes} busy={busy} choose={(it) => say("theme", it)} />
      <div role="group" aria-label="Relevance" class="choices">
        <button
          type="button"
          class="button"
          aria-pressed={irrelevant}
          disabled={busy}
          onClick={() => say("relevance", irrelevant ? null : "no")}
        >
          Not about {brand}
        </button>
      </div>
      <label class="line">
        Your name
        <input type="text" value={by} maxLength={100} onInput={(event) => setBy(event.currentTarget.value)} />
      </label>
      {trouble && <TroubleNote trouble={trouble} />}
      <ul class="given" aria-label="What people said" aria-live="polite">
        {post.labels.map((label) => (
          <li key={label.field}>
            <span>{sentence(label)}</span>
            <button
              type="button"
              class="button quiet"
              disabled={busy}
              aria-label={`Undo the ${label.field}`}
              onClick={() => say(label.field, null)}
            >
              Undo
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

interface RowProps {
  name: string;
  values: string[];
  now: string | null;
  busy: boolean;
  choose: (value: string) => void;
}

function Row({ name, values, now, busy, choose }: RowProps) {
  return (
    <div role="group" aria-label={name} class="choices">
      {values.map((value) => (
        <button
          key={value}
          type="button"
          class="button"
          aria-pressed={value === now}
          disabled={busy}
          onClick={() => choose(value)}
        >
          {value === "none" ? "no intent" : value}
        </button>
      ))}
    </div>
  );
}

function Themes({ themes, busy, choose }: { themes: string[]; busy: boolean; choose: (value: string) => void }) {
  const [text, setText] = useState(themes.join(", "));
  const submit = (event: Event) => {
    event.preventDefault();
    choose(text);
  };
  return (
    <form class="line" onSubmit={submit}>
      <label>
        Themes
        <input type="text" value={text} onInput={(event) => setText(event.currentTarget.value)} />
      </label>
      <button type="submit" class="button" disabled={busy}>
        Set
      </button>
    </form>
  );
}
