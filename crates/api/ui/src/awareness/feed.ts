// The posts of the list: the newest stored ones, then those that the live feed brings.

import { useEffect, useRef, useState } from "preact/hooks";

import { getMentions, liveAddress, Trouble } from "../api/client";
import type { Mention } from "../api/types";
import { useScene } from "../state/context";
import { rfc3339 } from "../state/span";
import { type Feed, held, merge } from "./merge";

export interface FeedView {
  posts: Mention[] | null;
  /** Newer posts that wait for `release`. */
  waiting: number;
  note: string;
  trouble: Trouble | null;
  release: () => void;
}

const FIRST = 40;
const NONE: Feed = { shown: null, waiting: [] };

export function useFeed(hold: boolean): FeedView {
  const { brand, live, span } = useScene();
  const [feed, setFeed] = useState<Feed>(NONE);
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const [note, setNote] = useState("");
  const holding = useRef(hold);
  holding.current = hold;
  const end = live ? null : span.to;

  useEffect(() => {
    const stop = new AbortController();
    setFeed(NONE);
    const load = () =>
      getMentions({ brand, limit: FIRST, before: end === null ? null : rfc3339(end) }, stop.signal)
        .then(({ mentions }) => {
          setTrouble(null);
          setFeed((before) => merge({ ...before, shown: before.shown ?? [] }, mentions));
        })
        .catch((error: unknown) => {
          if (!stop.signal.aborted && error instanceof Trouble) setTrouble(error);
        });
    void load();
    const close = end === null ? follow(brand, load, setNote, (post) => setFeed((before) => (holding.current ? held(before, post) : merge(before, [post])))) : () => undefined;
    return () => {
      stop.abort();
      close();
    };
  }, [brand, end]);

  return { posts: feed.shown, waiting: feed.waiting.length, note, trouble, release: () => setFeed((before) => merge(before, [])) };
}

/** Follows the live feed. Posts that were missed are fetched from the store. */
function follow(brand: string, load: () => void, setNote: (note: string) => void, add: (post: Mention) => void): () => void {
  const events = new EventSource(liveAddress(brand));
  let broken = false;
  events.addEventListener("open", () => {
    setNote("live");
    if (broken) load();
    broken = false;
  });
  events.addEventListener("error", () => {
    broken = true;
    setNote("reconnecting");
  });
  events.addEventListener("mention", (event) => add(JSON.parse(event.data as string) as Mention));
  events.addEventListener("lagged", (event) => {
    const { missed } = JSON.parse(event.data as string) as { missed: number };
    setNote(`live; ${missed} passed unseen`);
    load();
  });
  return () => events.close();
}
