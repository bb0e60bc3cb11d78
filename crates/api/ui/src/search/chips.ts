// The filters that a person can switch on, and what they ask. Pure.

export interface Chip {
  id: string;
  label: string;
  /** Of the API: chips of one parameter add to each other. */
  param: string;
  value: string;
}

export const CHIPS: readonly Chip[] = [
  { id: "negative", label: "Negative", param: "polarity", value: "negative" },
  { id: "neutral", label: "Neutral", param: "polarity", value: "neutral" },
  { id: "positive", label: "Positive", param: "polarity", value: "positive" },
  { id: "unscored", label: "Not scored", param: "polarity", value: "unscored" },
  { id: "question", label: "Questions", param: "intent", value: "question" },
  { id: "complaint", label: "Complaints", param: "intent", value: "complaint" },
  { id: "suggestion", label: "Suggestions", param: "intent", value: "suggestion" },
  { id: "praise", label: "Praise", param: "intent", value: "praise" },
  { id: "owned", label: "Own spaces", param: "owned_space", value: "true" },
  { id: "media", label: "With media", param: "media", value: "true" },
  { id: "links", label: "With links", param: "links", value: "true" },
];

/** `polarity=negative,neutral` and so on; names that there are not ask nothing. */
export function asked(chips: string[]): Record<string, string> {
  const query: Record<string, string> = {};
  for (const { id, param, value } of CHIPS) {
    if (chips.includes(id)) query[param] = query[param] ? `${query[param]},${value}` : value;
  }
  return query;
}

export const toggled = (chips: string[], id: string) =>
  chips.includes(id) ? chips.filter((chip) => chip !== id) : [...chips, id];
