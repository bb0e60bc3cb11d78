// The columns of the community's figures that the page draws, beside those of columns.ts.

import { type CorrectedNet, correctedOf } from "./columns";
import { num, type Row, rowsOf, text, time } from "./table";
import type { MetricTable } from "./types";

const first = (table: MetricTable | null): Row | undefined => (table ? rowsOf(table)[0] : undefined);
const one = (column: string) => (table: MetricTable | null) => num(first(table), column);

/** Single figures. */
export const community = {
  memberFirst: one("member_first"),
  reciprocity: one("reciprocity"),
  repliesMedian: one("replies_median"),
  repliesMost: one("replies_p90"),
  peopleMedian: one("people_median"),
  topTenth: one("top_10_percent"),
  topHundredth: one("top_1_percent"),
  ugc: one("ugc"),
  ugcShare: one("share"),
  conversion: one("newcomer_conversion"),
  judged: one("judged"),
  censored: one("censored"),
  toxicity: one("toxicity_rate"),
  hostilityScored: one("scored"),
  stars: one("mean_stars"),
  reviews: one("reviews"),
  csat: one("csat"),
  csatAnswers: one("csat_answers"),
  nps: one("nps"),
  npsAnswers: one("nps_answers"),
};

/** Net sentiment in own spaces and in public; undefined where nothing was scored there. */
export function felt(table: MetricTable): { own?: CorrectedNet; public?: CorrectedNet } {
  const of = (place: string) => rowsOf(table).find((row) => text(row, "place") === place);
  const [own, open] = [of("own spaces"), of("public")];
  return { ...(own && { own: correctedOf(own) }), ...(open && { public: correctedOf(open) }) };
}

export interface Linked {
  author: string;
  platform: string;
  text: string;
  url: string;
}

const linked = (row: Row): Linked => ({
  author: text(row, "author"),
  platform: text(row, "platform"),
  text: text(row, "text"),
  url: text(row, "url"),
});

export interface Regular extends Linked {
  posts: number | null;
  last: number | null;
  silent: number | null;
}

export function regulars(table: MetricTable): Regular[] {
  return rowsOf(table).map((row) => ({
    ...linked(row),
    posts: num(row, "posts"),
    last: time(row, "last_at"),
    silent: num(row, "silent"),
  }));
}

export interface Advocate extends Linked {
  praise: number | null;
  answers: number | null;
  answered: number | null;
}

export function advocates(table: MetricTable): Advocate[] {
  return rowsOf(table).map((row) => ({
    ...linked(row),
    praise: num(row, "praise"),
    answers: num(row, "answers"),
    answered: num(row, "answered"),
  }));
}

export interface Feedback {
  intent: string;
  theme: string;
  mentions: number | null;
  authors: number | null;
  change: number | null;
  net: number | null;
  examples: { text: string; url: string; id: string }[];
}

export function feedback(table: MetricTable): Feedback[] {
  return rowsOf(table).map((row) => ({
    intent: text(row, "intent"),
    theme: text(row, "theme"),
    mentions: num(row, "mentions"),
    authors: num(row, "authors"),
    change: num(row, "change"),
    net: num(row, "net_sentiment"),
    examples: [1, 2, 3]
      .map((n) => ({ text: text(row, `example_${n}`), url: text(row, `url_${n}`), id: text(row, `id_${n}`) }))
      .filter(({ id }) => id !== ""),
  }));
}

export interface Cohort {
  /** Start of the month in which they joined. */
  joined: number;
  members: number | null;
  /** By months since they joined. Of a month that is not over, the share is null. */
  months: { share: number | null; active: number | null; over: boolean }[];
}

export function cohorts(table: MetricTable): Cohort[] {
  const found: Cohort[] = [];
  for (const row of rowsOf(table)) {
    const joined = time(row, "cohort");
    if (joined === null) continue;
    let cohort = found.at(-1);
    if (cohort?.joined !== joined) {
      cohort = { joined, members: num(row, "members"), months: [] };
      found.push(cohort);
    }
    cohort.months.push({ share: num(row, "retention"), active: num(row, "active"), over: row["over"] === true });
  }
  return found;
}

/** Of the newest month that is over: who came back in it, of those of the month before. */
export function returned(table: MetricTable | null): { month: number; share: number } | null {
  const rows = table ? rowsOf(table) : [];
  for (const row of rows.reverse()) {
    const [month, share] = [time(row, "month"), num(row, "retention")];
    if (month !== null && share !== null) return { month, share };
  }
  return null;
}
