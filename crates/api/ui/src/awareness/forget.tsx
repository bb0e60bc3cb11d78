// Somebody asks to be forgotten: from one of their posts, in two deliberate steps, and how far that is.

import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";

import { forget, Trouble } from "../api/client";
import type { ForgetRequest, Mention } from "../api/types";
import { TroubleNote } from "../parts/states";
import { NAME } from "./name";
import { Progress, Requests } from "./progress";
import { bodyOf, inWords, type Named, type Said } from "./request";

interface Props {
  post: Mention;
  /** With what was taken, if it was. */
  onClose: (taken: Named | null) => void;
}

export function Forget({ post, onClose }: Props) {
  const title = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  const [said, setSaid] = useState<Said>({ named: "author", reason: "", by: localStorage.getItem(NAME) ?? "", instance: "" });
  const [sure, setSure] = useState(false);
  const [taken, setTaken] = useState<ForgetRequest | null>(null);
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const [busy, setBusy] = useState(false);
  useLayoutEffect(() => dialog.current?.showModal(), []);

  const send = async () => {
    localStorage.setItem(NAME, said.by.trim());
    setBusy(true);
    setTrouble(null);
    try {
      setTaken(await forget(bodyOf(post, said)));
    } catch (error) {
      setTrouble(error instanceof Trouble ? error : new Trouble("page", String(error), "reload the page"));
      setSure(false);
    }
    setBusy(false);
  };
  const close = () => dialog.current?.close();
  return (
    <dialog
      ref={dialog}
      class="card forget"
      aria-labelledby={title}
      // What was sent is waited for, so that it is seen whether it was taken.
      onCancel={(event) => busy && event.preventDefault()}
      onClose={() => onClose(taken && said.named)}
    >
      <h3 id={title}>Forget on request</h3>
      {taken ? (
        <Progress first={taken} busy={busy} again={send} close={close} />
      ) : sure ? (
        <Sure what={inWords(post, said.named)} busy={busy} yes={send} back={() => setSure(false)} />
      ) : (
        <Ask post={post} said={said} say={setSaid} trouble={trouble} next={() => setSure(true)} close={close} />
      )}
      {taken && trouble && <TroubleNote trouble={trouble} />}
    </dialog>
  );
}

interface AskProps {
  post: Mention;
  said: Said;
  say: (said: Said) => void;
  trouble: Trouble | null;
  next: () => void;
  close: () => void;
}

function Ask({ post, said, say, trouble, next, close }: AskProps) {
  const choice = (named: Named) => (
    <label>
      <input type="radio" name="named" checked={said.named === named} onChange={() => say({ ...said, named })} />
      {inWords(post, named)}
    </label>
  );
  const line = (name: string, field: "reason" | "by" | "instance", required: boolean, placeholder = "") => (
    <label class="line">
      {name}
      <input
        type="text"
        value={said[field]}
        required={required}
        pattern={required ? ".*\\S.*" : undefined}
        maxLength={field === "by" ? 100 : 200}
        placeholder={placeholder}
        onInput={(event) => say({ ...said, [field]: event.currentTarget.value })}
      />
    </label>
  );
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => form.current?.querySelector<HTMLElement>("input:checked")?.focus(), []);
  return (
    <form
      ref={form}
      onSubmit={(event) => {
        event.preventDefault();
        next();
      }}
    >
      <fieldset>
        <legend>What is to be forgotten?</legend>
        {choice("author")}
        {choice("post")}
      </fieldset>
      <Consequences post={post} named={said.named} />
      {line("Reason, kept as proof: name nobody in it", "reason", true, "letter 12")}
      {line("Your name", "by", false)}
      {trouble?.code === "bad_forget" && line("Instance of the platform, where it has several", "instance", false, "forum.example")}
      {trouble && <TroubleNote trouble={trouble} />}
      <div class="choices">
        <button type="submit" class="button main">
          Go on
        </button>
        <button type="button" class="button" onClick={close}>
          Cancel
        </button>
      </div>
      <Requests />
    </form>
  );
}

function Consequences({ post, named }: { post: Mention; named: Named }) {
  const author = named === "author";
  return (
    <dl>
      <dt>Goes</dt>
      <dd>
        {author ? "Every stored post of this account and every repost of them" : "This post and every repost of it"}, in all versions,
        with labels and counters; from Grapevine's log and dead letters too. Figures are computed anew.
        {author ? " What comes in of this account later is kept out, for ever." : " It is kept out when it comes in again."}
      </dd>
      <dt>Stays</dt>
      <dd>
        This request, as proof, without a name. A salted hash of {author ? "the account" : "the post"}, to keep it out. Answers of
        others{author ? ", without the name of whom they answer" : ""}. Counts of days whose posts are no longer kept.
      </dd>
      <dt>Can not be reached</dt>
      <dd>
        Records in Kafka, where that is the log: they go with their topic's retention, and the request says when. Exports and backups
        that were made, notifications that were sent. The post on {post.platform} itself.
      </dd>
    </dl>
  );
}

/** The second step. Its text takes the focus: Enter that is pressed twice confirms nothing. */
function Sure({ what, busy, yes, back }: { what: string; busy: boolean; yes: () => void; back: () => void }) {
  const text = useRef<HTMLParagraphElement>(null);
  useEffect(() => text.current?.focus(), []);
  return (
    <>
      <p ref={text} tabIndex={-1}>
        <strong>Forget {what}, for ever?</strong> This can not be undone.
      </p>
      <div class="choices">
        <button type="button" class="button" disabled={busy} onClick={back}>
          Back
        </button>
        <button type="button" class="button danger" disabled={busy} onClick={yes}>
          {busy ? "Asking …" : "Forget for ever"}
        </button>
      </div>
    </>
  );
}
