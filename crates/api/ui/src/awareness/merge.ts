// Which posts are shown and which wait. Pure.

import type { Mention } from "../api/types";

export interface Feed {
  /** The newest first; null until the first answer. */
  shown: Mention[] | null;
  waiting: Mention[];
}

const MOST = 120;

/** Shows these and all that waited, the newest first, each once. */
export function merge(feed: Feed, posts: Mention[]): Feed {
  const byId = new Map<string, Mention>();
  for (const post of [...(feed.shown ?? []), ...feed.waiting, ...posts]) byId.set(post.id, post);
  const sorted = [...byId.values()].sort((a, b) => Date.parse(b.created_at) - Date.parse(a.created_at));
  return { shown: sorted.slice(0, MOST), waiting: [] };
}

/** Keeps posts back, so that what a person reads does not move. */
export function held(feed: Feed, posts: Mention[]): Feed {
  const known = new Set([...(feed.shown ?? []), ...feed.waiting].map(({ id }) => id));
  const fresh = posts.filter(({ id }) => !known.has(id));
  return { ...feed, waiting: [...fresh.reverse(), ...feed.waiting].slice(0, MOST) };
}
