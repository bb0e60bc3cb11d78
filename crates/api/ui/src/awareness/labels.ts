// What a label changes of the posts that are shown. Pure.

import type { Label, Mention, Polarity } from "../api/types";
import type { Feed } from "./merge";

/** The feed after a person said this, or took it back. */
export function labelled(feed: Feed, label: Label): Feed {
  const apply = (post: Mention) => applied(post, label);
  return { shown: feed.shown?.map(apply) ?? null, waiting: feed.waiting.map(apply) };
}

/** An older label than the one that stands changes nothing. */
export function applied(post: Mention, label: Label): Mention {
  if (post.id !== label.mention || !post.brands.includes(label.brand)) return post;
  const before = post.labels.find(({ field }) => field === label.field);
  if (before && Date.parse(before.at) > Date.parse(label.at)) return post;
  const model = before ? before.model : said(post, label.field);
  const others = post.labels.filter(({ field }) => field !== label.field);
  const labels = label.value === null ? others : [...others, { ...label, model }];
  return { ...post, ...worded(label.field, label.value ?? model), labels };
}

/** What is shown of a field. */
function said(post: Mention, field: Label["field"]): string | null {
  if (field === "polarity") return post.polarity;
  if (field === "intent") return post.intent;
  return field === "theme" ? post.themes.join(", ") : null;
}

function worded(field: Label["field"], value: string | null): Partial<Mention> {
  if (field === "polarity") return { polarity: value as Polarity | null };
  if (field === "intent") return { intent: value };
  if (field === "theme") return { themes: (value ?? "").split(", ").filter((theme) => theme !== "") };
  return {};
}

/** A person found that it is not about the brand. */
export const isIrrelevant = (post: Mention) =>
  post.labels.some(({ field, value }) => field === "relevance" && value === "no");

/** In words: what was said, and against what. */
export function sentence({ field, value, model, by }: Label): string {
  const says = field === "relevance" ? (value === "no" ? "not about the brand" : "about the brand") : `${field} ${value || "none"}`;
  if (field === "relevance") return `${by}: ${says}`;
  return model === value ? `${by}: ${says}, as the model` : `${by}: ${says}; the model: ${model || "nothing"}`;
}
