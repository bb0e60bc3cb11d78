// The answers of the API, as `openapi.json` describes them.

export type Cell = string | number | boolean | null | Cell[];

export interface MetricInfo {
  id: string;
  title: string;
  definition: string;
  formula: string;
  unit: string;
  denominator: string;
  version: number;
  source: string;
  partial_when: string;
}

export interface Gap {
  source: string;
  from: string;
  to: string;
  reason: string;
}

/** A span of which a source read a part: a rate of 0.25 means that about four times as much was there. */
export interface Sampled extends Gap {
  rate: number;
}

export interface Coverage {
  complete_through: string | null;
  gaps: Gap[];
  sampled?: Sampled[];
  partial: boolean;
  note: string;
}

export interface MetricTable {
  metric: MetricInfo;
  brand: string;
  from: string;
  to: string;
  by: string | null;
  columns: { name: string; unit: string }[];
  rows: Cell[][];
  coverage: Coverage;
  model: { name: string; share_scored: number } | null;
  /** Of a corrected figure: by which measurements of the model, and what is left out. */
  correction?: { note: string } | null;
  /** When it was computed, where this was before it was asked for. */
  as_of?: string | null;
}

export type Polarity = "negative" | "neutral" | "positive";

/** What a person said of one field of a mention. */
export interface Label {
  mention: string;
  brand: string;
  field: "polarity" | "theme" | "intent" | "relevance";
  /** Null where the label was taken back. */
  value: string | null;
  /** What the model says; null where it says nothing. */
  model: string | null;
  by: string;
  at: string;
}

export interface Mention {
  id: string;
  brands: string[];
  platform: string;
  kind: string;
  space: string | null;
  url: string | null;
  author: string;
  author_name: string | null;
  followers: number | null;
  created_at: string;
  text: string;
  language: string | null;
  polarity: Polarity | null;
  confidence: number | null;
  intent: string | null;
  hostility: number | null;
  irony: number | null;
  themes: string[];
  story: string | null;
  team: boolean;
  labels: Label[];
}

/** What people made of posts that chance drew, as they read them. */
export interface Checked {
  negative: number;
  neutral: number;
  positive: number;
  /** Those of which the newest model says the same. */
  agreed: number;
  /** From so many of each on, they correct the brand's figures. */
  needed: number;
}

export interface Drawn {
  mentions: Mention[];
  checked: Checked;
}

/** A mention that a search found. */
export interface Found extends Mention {
  /** From a character of the text to before another, in order and apart. Characters are code points. */
  highlights: [number, number][];
}

/** Posts of the span that retention removed: nothing of the brand and platform from before `to` is kept. */
export interface Removed {
  brand: string;
  platform: string;
  from: string;
  to: string;
}

/** A page of what a search found, and how far it looked. */
export interface SearchPage {
  mentions: Found[];
  next: string | null;
  count: number;
  at_least: boolean;
  stopped: boolean;
  looked_at: number;
  of: number | null;
  reached: string;
  removed: Removed[];
  as_monitor: string | null;
}

/** A deletion request, as it is sent. */
export interface ForgetBody {
  /** `PLATFORM:ACCOUNT`. */
  authors?: string[];
  /** Ids. */
  mentions?: string[];
  instance?: string;
  reason: string;
  by: string;
}

/** The proof of a deletion request. It holds no name. */
export interface ForgetRequest {
  id: string;
  at: string;
  by: string;
  reason: string;
  subjects: number;
  state: "running" | "done" | "failed" | "open";
  message: string | null;
  runs: {
    began_at: string;
    ended_at: string | null;
    found: Record<string, number>;
    hours_left: number;
    remains: { place: string; records: number | null; until: string | null; why: string }[];
  }[];
}

export interface Episode {
  id: string;
  rule: string;
  brand: string;
  state: "firing" | "resolved";
  started_at: string;
  resolved_at: string | null;
  observed: number;
  expected: number;
  evidence: number;
  peak_evidence: number;
}

export interface Brand {
  name: string;
  competitor: boolean;
}

export interface Stage {
  name: string;
  state: string;
  lag: number | null;
  done: number;
  dead_letters: number;
  message: string | null;
}

export interface Source {
  name: string;
  platform: string;
  state: string;
  newest_at: string | null;
  heard_at: string | null;
  mentions: number;
  /** Campaigns, answers to surveys, counts of followers. */
  rows: number;
  message: string | null;
  since?: string | null;
  usage?: {
    quota?: { what: string; used: number; allowed: number }[];
    spend?: { spent: number; cap: number; share: number } | null;
  };
}

export interface Model {
  id: string;
  engine: string;
  accuracy: number | null;
  measured_on: string | null;
  languages: string[];
}

/** A count that must stay 0, as it was last checked. */
export interface Invariant {
  name: string;
  violations: number;
  checked: number;
  checked_at: string;
  meaning: string;
}

export interface Status {
  version: string;
  started_at: string;
  stages: Stage[];
  sources: Source[];
  model: Model | null;
  engine_restarts: number;
  invariants: Invariant[];
}
