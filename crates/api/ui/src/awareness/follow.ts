// The connection to the live feed.

import { liveAddress } from "../api/client";
import type { Label, Mention } from "../api/types";

interface Follower {
  /** Asks the store for the newest posts: after a break, and where posts passed unseen. */
  load: () => Promise<void>;
  add: (posts: Mention[]) => void;
  /** A person labelled a post, on this page or another. */
  label: (label: Label) => void;
  /** Says how the connection is. */
  note: (text: string) => void;
}

/** A replay brings thousands of posts a second: they are shown a few times a second, together. */
const TOGETHER = 300;
const AGAIN = 5_000;

/** Follows until the returned function is called. */
export function follow(brand: string, follower: Follower): () => void {
  let gathered: Mention[] = [];
  let missed = 0;
  let timer = 0;
  const flush = () => {
    timer = 0;
    if (gathered.length > 0) follower.add(gathered);
    if (missed > 0) void follower.load();
    gathered = [];
    missed = 0;
  };
  const soon = () => (timer ||= window.setTimeout(flush, TOGETHER));
  const close = connect(brand, {
    onPost: (post) => {
      gathered.push(post);
      soon();
    },
    onMissed: (count) => {
      missed += count;
      follower.note(`live; ${count} passed unseen`);
      soon();
    },
    onLabel: follower.label,
    onBack: () => void follower.load(),
    note: follower.note,
  });
  return () => {
    window.clearTimeout(timer);
    close();
  };
}

interface Ears {
  onPost: (post: Mention) => void;
  onMissed: (count: number) => void;
  onLabel: (label: Label) => void;
  onBack: () => void;
  note: (text: string) => void;
}

/** A browser connects again by itself after a break, but not after a refusal: then this does. */
function connect(brand: string, ears: Ears): () => void {
  let events: EventSource;
  let retry = 0;
  let broken = false;
  const open = () => {
    events = new EventSource(liveAddress(brand));
    events.addEventListener("open", () => {
      ears.note("live");
      if (broken) ears.onBack();
      broken = false;
    });
    events.addEventListener("error", () => {
      broken = true;
      ears.note("reconnecting");
      if (events.readyState === EventSource.CLOSED) retry = window.setTimeout(open, AGAIN);
    });
    events.addEventListener("mention", (event) => ears.onPost(JSON.parse(event.data as string) as Mention));
    events.addEventListener("label", (event) => ears.onLabel(JSON.parse(event.data as string) as Label));
    events.addEventListener("lagged", (event) =>
      ears.onMissed((JSON.parse(event.data as string) as { missed: number }).missed),
    );
  };
  open();
  return () => {
    window.clearTimeout(retry);
    events.close();
  };
}
