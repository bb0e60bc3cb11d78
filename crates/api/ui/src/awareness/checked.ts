// What people made of posts that chance drew: how many, and how often the model said the same. Pure.

import type { Checked, Mention, Polarity } from "../api/types";

export const POLARITIES = ["negative", "neutral", "positive"] as const;

/** What the model says of a post, whatever people said. */
export function saidByModel(post: Mention): string | null {
  const label = post.labels.find(({ field }) => field === "polarity");
  return label ? label.model : post.polarity;
}

/** One more was judged. */
export function judged(checked: Checked, truth: Polarity, model: string | null): Checked {
  return { ...checked, [truth]: checked[truth] + 1, agreed: checked.agreed + (truth === model ? 1 : 0) };
}

/** What was given a moment ago may not be stored yet: no count falls. */
export function atLeast(known: Checked | null, told: Checked): Checked {
  if (known === null) return told;
  const most = (name: keyof Checked) => Math.max(known[name], told[name]);
  return {
    negative: most("negative"),
    neutral: most("neutral"),
    positive: most("positive"),
    agreed: most("agreed"),
    needed: told.needed,
  };
}

export const total = ({ negative, neutral, positive }: Checked) => negative + neutral + positive;

/** Whether there are enough of each to correct figures by. */
export const isEnough = (checked: Checked) => POLARITIES.every((polarity) => checked[polarity] >= checked.needed);

/** The share of agreement in percent with its 95 % interval, after Wilson; null of nothing. */
export function agreement(checked: Checked): { value: number; low: number; high: number } | null {
  const n = total(checked);
  if (n === 0) return null;
  const z = 1.96;
  const p = checked.agreed / n;
  const centre = (p + (z * z) / (2 * n)) / (1 + (z * z) / n);
  const half = (z / (1 + (z * z) / n)) * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n));
  return { value: p * 100, low: (centre - half) * 100, high: (centre + half) * 100 };
}
