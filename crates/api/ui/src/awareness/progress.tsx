// How far deletion requests are.

import { useEffect, useRef, useState } from "preact/hooks";

import { getForgets, Trouble } from "../api/client";
import type { ForgetRequest } from "../api/types";
import { exact, moment } from "../format";
import { TroubleNote } from "../parts/states";
import { useScene } from "../state/context";
import { left, stateOf } from "./request";

const AGAIN = 2_000;

const troubleOf = (error: unknown) =>
  error instanceof Trouble ? error : new Trouble("page", String(error), "reload the page");

/** The request as the server last told, until it runs no more. */
function useProgress(first: ForgetRequest): { request: ForgetRequest; trouble: Trouble | null } {
  const [told, setTold] = useState(first);
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  // Made again, it is another answer about the same request.
  useEffect(() => setTold(first), [first]);
  const running = told.state === "running";
  useEffect(() => {
    if (!running) return;
    const stop = new AbortController();
    let timer = 0;
    const look = async () => {
      try {
        const mine = (await getForgets(stop.signal)).find(({ id }) => id === first.id);
        setTrouble(null);
        if (mine) setTold(mine);
      } catch (error) {
        if (!stop.signal.aborted) setTrouble(troubleOf(error));
      }
      if (!stop.signal.aborted) timer = window.setTimeout(look, AGAIN);
    };
    timer = window.setTimeout(look, AGAIN);
    return () => {
      stop.abort();
      window.clearTimeout(timer);
    };
  }, [first, running]);
  return { request: told, trouble };
}

interface Props {
  first: ForgetRequest;
  busy: boolean;
  again: () => void;
  close: () => void;
}

export function Progress({ first, busy, again, close }: Props) {
  const { now } = useScene();
  const { request, trouble } = useProgress(first);
  const text = useRef<HTMLParagraphElement>(null);
  useEffect(() => text.current?.focus(), []);
  const found = Object.entries(request.runs.at(-1)?.found ?? {});
  const remains = left(request, now);
  const over = request.state === "running" || request.state === "done";
  return (
    <>
      <p ref={text} tabIndex={-1}>
        The request is taken as <code>{request.id}</code>: nothing new comes in of what it names.
      </p>
      <p role="status">
        <strong>{stateOf(request)}</strong>
      </p>
      {found.length > 0 && (
        <dl>
          <dt>Found, by place</dt>
          {found.map(([place, many]) => (
            <dd key={place}>
              {exact(many)} in {place}
            </dd>
          ))}
        </dl>
      )}
      {remains.length > 0 && (
        <dl>
          <dt>Left</dt>
          {remains.map((sentence) => (
            <dd key={sentence}>{sentence}</dd>
          ))}
        </dl>
      )}
      {trouble && <TroubleNote trouble={trouble} />}
      <div class="choices">
        {!over && (
          <button type="button" class="button" disabled={busy} onClick={again}>
            Ask again
          </button>
        )}
        <button type="button" class="button main" onClick={close}>
          Close
        </button>
      </div>
    </>
  );
}

/** The newest that were made, here or elsewhere. */
export function Requests() {
  const { now } = useScene();
  const [open, setOpen] = useState(false);
  const [all, setAll] = useState<ForgetRequest[] | null>(null);
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  useEffect(() => {
    if (!open) return;
    const stop = new AbortController();
    getForgets(stop.signal).then(setAll, (error) => !stop.signal.aborted && setTrouble(troubleOf(error)));
    return () => stop.abort();
  }, [open]);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Requests so far</summary>
      {trouble && <TroubleNote trouble={trouble} />}
      {all?.length === 0 && <p class="soft">None was made.</p>}
      <ul>
        {all?.slice(0, 10).map((request) => (
          <li key={request.id}>
            <code>{request.id}</code> {moment(Date.parse(request.at), now)}, by {request.by}
            {request.reason && `, ${request.reason}`}: {stateOf(request)}
          </li>
        ))}
      </ul>
    </details>
  );
}
