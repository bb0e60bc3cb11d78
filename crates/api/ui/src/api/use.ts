// Answers of the API as states of a panel: loading, there, or in trouble. Asked again every so often.

import { useEffect, useRef, useState } from "preact/hooks";

import { Trouble } from "./client";

export interface Answer<T> {
  data: T | null;
  trouble: Trouble | null;
  /** Nothing to show yet, or what is shown belongs to another question. */
  loading: boolean;
}

const AGAIN = 20_000;
/** After an answer that was computed before: the server computes a new one meanwhile. */
const AFTER_OLDER = 3_000;
/** Figures follow a label within these: the first finds it for the most part, the second where the server is busy. */
const AFTER_LABEL = [1_500, 4_000];

const soon = new EventTarget();
let asking: number[] = [];

/** Asks for everything that is shown again, shortly: a person labelled a post. */
export function askSoon(): void {
  asking.forEach((timer) => window.clearTimeout(timer));
  asking = AFTER_LABEL.map((after) => window.setTimeout(() => soon.dispatchEvent(new Event("ask")), after));
}

const isOlder = (data: unknown) => typeof (data as { as_of?: unknown } | null)?.as_of === "string";

/** `key` says which question it is: a new key asks at once. `ask` is told whether a person waits for what they just changed. */
export function useAnswer<T>(key: string, ask: (signal: AbortSignal, changed: boolean) => Promise<T>): Answer<T> {
  const [held, setHeld] = useState<{ key: string; data: T | null; trouble: Trouble | null }>({
    key: "",
    data: null,
    trouble: null,
  });
  const latest = useRef(ask);
  latest.current = ask;

  useEffect(() => {
    const stop = new AbortController();
    let timer = 0;
    let again = AFTER_OLDER;
    const once = async (changed: boolean) => {
      try {
        const data = await latest.current(stop.signal, changed);
        if (!isOlder(data)) again = AGAIN;
        if (!stop.signal.aborted) setHeld({ key, data, trouble: null });
      } catch (error) {
        if (stop.signal.aborted) return;
        const trouble = error instanceof Trouble ? error : new Trouble("page", String(error), "reload the page");
        setHeld((before) => ({ key, data: before.key === key ? before.data : null, trouble }));
      }
      if (!stop.signal.aborted) timer = window.setTimeout(whenVisible, again);
      again = AGAIN;
    };
    const whenVisible = () => {
      if (document.visibilityState === "visible") void once(false);
      else timer = window.setTimeout(whenVisible, AGAIN);
    };
    const now = () => {
      window.clearTimeout(timer);
      void once(true);
    };
    soon.addEventListener("ask", now);
    void once(false);
    return () => {
      soon.removeEventListener("ask", now);
      stop.abort();
      window.clearTimeout(timer);
    };
  }, [key]);

  const current = held.key === key;
  return { data: held.data, trouble: current ? held.trouble : null, loading: !current };
}
