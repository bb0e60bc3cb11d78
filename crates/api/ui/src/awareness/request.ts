// A deletion request as the API takes it, and what it says of itself. Pure.

import type { ForgetBody, ForgetRequest, Mention } from "../api/types";
import { count, moment } from "../format";

/** Whom or what a person asks to be forgotten, from one of its posts. */
export type Named = "author" | "post";

export interface Said {
  named: Named;
  reason: string;
  by: string;
  /** Of a platform with several; empty where nobody had to say. */
  instance: string;
}

export function bodyOf(post: Mention, { named, reason, by, instance }: Said): ForgetBody {
  const who = named === "author" ? { authors: [accountOf(post)] } : { mentions: [post.id] };
  const on = instance.trim() ? { instance: instance.trim() } : {};
  return { ...who, ...on, reason: reason.trim(), by: by.trim() || "page" };
}

export const accountOf = (post: Mention) => `${post.platform}:${post.author}`;

export const inWords = (post: Mention, named: Named) =>
  named === "author" ? `everything by @${post.author} on ${post.platform}` : `this post by @${post.author}`;

/** How far it is. */
export function stateOf({ state, message }: ForgetRequest): string {
  if (state === "running") return "It is being carried out, and goes on when this is closed.";
  if (state === "done") return "Done.";
  if (state === "failed") return `It could not be carried out: ${message ?? "the log of the server says why"}.`;
  return "It was begun and has not ended. The same request again goes on with it.";
}

/** What its last run left, and until when. */
export function left(request: ForgetRequest, now: number): string[] {
  const run = request.runs.at(-1);
  if (!run) return [];
  const remains = run.remains.map(({ place, records, until, why }) => {
    const many = records === null ? "Not known how much" : count(records);
    return `${many} in ${place}${until ? `, until ${moment(Date.parse(until), now)}` : ""}: ${why}.`;
  });
  const hours = run.hours_left;
  return hours > 0 ? [`${count(hours)} ${hours === 1 ? "hour" : "hours"} of figures to be computed anew.`, ...remains] : remains;
}
