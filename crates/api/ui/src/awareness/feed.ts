// The posts of the list: the newest stored ones, then those that the live feed brings.

import { useEffect, useRef, useState } from "preact/hooks";

import { getMentions, Trouble } from "../api/client";
import { askSoon } from "../api/use";
import type { Label, Mention } from "../api/types";
import { useScene } from "../state/context";
import { rfc3339 } from "../state/span";
import { follow } from "./follow";
import { labelled } from "./labels";
import { type Feed, held, merge } from "./merge";

export interface FeedView {
  posts: Mention[] | null;
  /** Newer posts that wait for `release`. */
  waiting: number;
  note: string;
  trouble: Trouble | null;
  release: () => void;
  label: (label: Label) => void;
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

  const label = (given: Label) => {
    setFeed((before) => labelled(before, given));
    askSoon();
  };

  useEffect(() => {
    const stop = new AbortController();
    setFeed(NONE);
    const load = async () => {
      try {
        const { mentions } = await getMentions(
          { brand, limit: FIRST, before: end === null ? null : rfc3339(end) },
          stop.signal,
        );
        setTrouble(null);
        setFeed((before) => (holding.current && before.shown ? held(before, mentions) : merge(before, mentions)));
      } catch (error) {
        if (!stop.signal.aborted && error instanceof Trouble) setTrouble(error);
      }
    };
    const add = (posts: Mention[]) =>
      setFeed((before) => (holding.current ? held(before, posts) : merge(before, posts)));
    void load();
    const close = end === null ? follow(brand, { load, add, label, note: setNote }) : () => undefined;
    return () => {
      stop.abort();
      close();
    };
  }, [brand, end]);

  return {
    posts: feed.shown,
    waiting: feed.waiting.length,
    note,
    trouble,
    label,
    release: () => setFeed((before) => merge(before, [])),
  };
}
