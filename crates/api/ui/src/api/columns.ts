// The columns of each metric that the page draws. The registry's tables are read here and nowhere else.

import { num, type Row, rowsOf, text, time } from "./table";
import type { MetricTable } from "./types";

const first = (table: MetricTable | null, column: string) => (table ? num(rowsOf(table)[0], column) : null);

/** Single figures. */
export const figure = {
  mentions: (table: MetricTable | null) => first(table, "raw"),
  netSentiment: (table: MetricTable | null) => first(table, "net_sentiment"),
  reach: (table: MetricTable | null) => first(table, "potential_reach"),
  shareOfVoice: (table: MetricTable | null, brand: string) =>
    (table && brandShares(table).find((share) => share.brand === brand)?.share) ?? null,
};

/** Net sentiment as people would have read the posts: null where the model was not measured in their language. */
export interface CorrectedNet {
  value: number | null;
  low: number | null;
  high: number | null;
  scored: number | null;
  /** Of the scored ones, those in a language in which the model was measured. */
  corrected: number | null;
}

export const correctedOf = (row: Row | undefined): CorrectedNet => ({
  value: num(row, "net_sentiment_corrected"),
  low: num(row, "low"),
  high: num(row, "high"),
  scored: num(row, "scored"),
  corrected: num(row, "corrected"),
});

export const correctedNet = (table: MetricTable) => correctedOf(rowsOf(table)[0]);

/** By the start of the bucket. */
export function correctedPoints(table: MetricTable | null): Map<number, CorrectedNet> {
  const points = new Map<number, CorrectedNet>();
  for (const row of table ? rowsOf(table) : []) {
    const at = time(row, "time");
    if (at !== null) points.set(at, correctedOf(row));
  }
  return points;
}

export interface PolarityPoint {
  time: number;
  negative: number | null;
  neutral: number | null;
  positive: number | null;
  unscored: number | null;
  net: number | null;
}

export function polarityPoints(table: MetricTable): PolarityPoint[] {
  return rowsOf(table).flatMap((row) => {
    const at = time(row, "time");
    const point = {
      negative: num(row, "negative"),
      neutral: num(row, "neutral"),
      positive: num(row, "positive"),
      unscored: num(row, "unscored"),
      net: num(row, "net_sentiment"),
    };
    return at === null ? [] : [{ time: at, ...point }];
  });
}

export interface BrandShare {
  brand: string;
  mentions: number | null;
  share: number | null;
}

export function brandShares(table: MetricTable): BrandShare[] {
  return rowsOf(table).map((row) => ({
    brand: text(row, "brand"),
    mentions: num(row, "mentions"),
    share: num(row, "share_of_voice"),
  }));
}

export interface Hashtag {
  tag: string;
  mentions: number | null;
  authors: number | null;
  /** How far the authors exceed what was expected; 0: not trending. */
  trend: number | null;
}

export function hashtags(table: MetricTable): Hashtag[] {
  return rowsOf(table).map((row) => ({
    tag: text(row, "hashtag"),
    mentions: num(row, "mentions"),
    authors: num(row, "observed"),
    trend: num(row, "trend"),
  }));
}

export interface ThemeRow {
  theme: string;
  mentions: number | null;
  change: number | null;
  net: number | null;
}

export function themes(table: MetricTable): ThemeRow[] {
  return rowsOf(table).map((row) => ({
    theme: text(row, "theme"),
    mentions: num(row, "mentions"),
    change: num(row, "change"),
    net: num(row, "net_sentiment"),
  }));
}

export interface Voice {
  author: string;
  platform: string;
  reach: number | null;
  engagements: number | null;
  mentions: number | null;
}

export function voices(table: MetricTable): Voice[] {
  return rowsOf(table).map((row) => ({
    author: text(row, "author"),
    platform: text(row, "platform"),
    reach: num(row, "followers"),
    engagements: num(row, "engagements"),
    mentions: num(row, "mentions"),
  }));
}

export interface Question {
  text: string;
  author: string;
  url: string;
  platform: string;
  space: string;
  created: number | null;
  followers: number | null;
  age: number | null;
}

export function questions(table: MetricTable): Question[] {
  return rowsOf(table).map((row) => ({
    text: text(row, "text"),
    author: text(row, "author"),
    url: text(row, "url"),
    platform: text(row, "platform"),
    space: text(row, "space"),
    created: time(row, "created_at"),
    followers: num(row, "followers"),
    age: num(row, "age"),
  }));
}

export interface ResponseTimes {
  /** Seconds; null where too few were answered for the estimate to reach it. */
  median: number | null;
  p90: number | null;
  answered: number | null;
  /** Still without an answer: censored, not left out. */
  waiting: number | null;
}

export function responseTimes(table: MetricTable | null): ResponseTimes {
  const row = table ? rowsOf(table)[0] : undefined;
  return {
    median: num(row, "median"),
    p90: num(row, "p90"),
    answered: num(row, "answered"),
    waiting: num(row, "waiting"),
  };
}

export function responseRate(table: MetricTable | null) {
  const row = table ? rowsOf(table)[0] : undefined;
  return { rate: num(row, "response_rate"), answered: num(row, "answered"), asked: num(row, "asked") };
}

export function members(table: MetricTable | null) {
  const row = table ? rowsOf(table)[0] : undefined;
  return {
    daily: num(row, "dau"),
    weekly: num(row, "wau"),
    monthly: num(row, "mau"),
    stickiness: num(row, "stickiness"),
  };
}

export function memberPoints(table: MetricTable): { time: number; active: number | null }[] {
  return rowsOf(table).flatMap((row) => {
    const at = time(row, "time");
    return at === null ? [] : [{ time: at, active: num(row, "dau") }];
  });
}

export function newcomers(table: MetricTable | null) {
  const row = table ? rowsOf(table)[0] : undefined;
  return { count: num(row, "newcomers"), share: num(row, "share") };
}

export function peerToPeer(table: MetricTable | null) {
  const row = table ? rowsOf(table)[0] : undefined;
  return { ratio: num(row, "peer_to_peer_ratio"), known: num(row, "known"), replies: num(row, "replies") };
}
