// The columns of the metrics of reach, hashtags, campaigns and what is to come. Read here and nowhere else.

import { num, rowsOf, text, time } from "./table";
import type { MetricTable } from "./types";

export interface SourceShare {
  name: string;
  share: number | null;
  mentions: number | null;
}

/** `by` is the split that was asked for. */
export function sourceShares(table: MetricTable, by: string): SourceShare[] {
  return rowsOf(table).map((row) => ({
    name: text(row, by),
    share: num(row, "share"),
    mentions: num(row, "mentions"),
  }));
}

export function impressionsOf(table: MetricTable | null) {
  const row = table ? rowsOf(table)[0] : undefined;
  return { impressions: num(row, "impressions"), known: num(row, "share_known") };
}

export function ratesOf(table: MetricTable | null) {
  const row = table ? rowsOf(table)[0] : undefined;
  return {
    rate: num(row, "engagement_rate"),
    owned: num(row, "owned_rate"),
    known: num(row, "mentions_known"),
    mentions: num(row, "mentions"),
  };
}

export function engagementsOf(table: MetricTable | null): number | null {
  return num(table ? rowsOf(table)[0] : undefined, "engagements");
}

export interface AccountGrowth {
  brand: string;
  platform: string;
  account: string;
  followers: number | null;
  /** Null where it was counted once only. */
  change: number | null;
  perDay: number | null;
}

export function accountGrowth(table: MetricTable): AccountGrowth[] {
  return rowsOf(table).map((row) => ({
    brand: text(row, "brand"),
    platform: text(row, "platform"),
    account: text(row, "account"),
    followers: num(row, "followers"),
    change: num(row, "change"),
    perDay: num(row, "per_day"),
  }));
}

export interface Research {
  mentions: number | null;
  authors: number | null;
  share: number | null;
  rate: number | null;
  net: number | null;
}

export function research(table: MetricTable | null): Research {
  const row = table ? rowsOf(table)[0] : undefined;
  return {
    mentions: num(row, "mentions"),
    authors: num(row, "authors"),
    share: num(row, "share"),
    rate: num(row, "engagement_rate"),
    net: num(row, "net_sentiment"),
  };
}

export interface Companion {
  tag: string;
  together: number | null;
  /** How many times more often they stand together than by chance. */
  lift: number | null;
}

export function companions(table: MetricTable): Companion[] {
  return rowsOf(table).map((row) => ({
    tag: text(row, "hashtag"),
    together: num(row, "together"),
    lift: num(row, "lift"),
  }));
}

export interface PostingHour {
  platform: string;
  /** 1 is Monday. */
  weekday: number;
  hour: number;
  expected: number;
  posts: number;
}

export function postingHours(table: MetricTable): PostingHour[] {
  return rowsOf(table).map((row) => ({
    platform: text(row, "platform"),
    weekday: num(row, "weekday") ?? 0,
    hour: num(row, "hour") ?? 0,
    expected: num(row, "expected") ?? 0,
    posts: num(row, "posts") ?? 0,
  }));
}

export interface CampaignRow {
  campaign: string;
  name: string;
  currency: string;
  spend: number | null;
  ctr: number | null;
  cpc: number | null;
  conversion: number | null;
  /** Of mentions, in per cent. */
  lift: number | null;
  /** Followers that the brand's accounts gained while it ran; null where they were not counted. */
  gained: number | null;
}

interface CampaignTables {
  spend: MetricTable | null;
  ctr: MetricTable | null;
  cpc: MetricTable | null;
  conversion: MetricTable | null;
  lift: MetricTable | null;
}

/** One row for each campaign and currency, the dearest first, as the spend comes. */
export function campaigns(tables: CampaignTables): CampaignRow[] {
  const of = (table: MetricTable | null, campaign: string, currency?: string) =>
    (table ? rowsOf(table) : []).find(
      (row) => text(row, "campaign") === campaign && (currency === undefined || text(row, "currency") === currency),
    );
  return (tables.spend ? rowsOf(tables.spend) : []).map((row) => {
    const [campaign, currency] = [text(row, "campaign"), text(row, "currency")];
    const lift = of(tables.lift, campaign);
    return {
      campaign,
      currency,
      name: text(lift, "name") || campaign,
      spend: num(row, "spend"),
      ctr: num(of(tables.ctr, campaign), "ctr"),
      cpc: num(of(tables.cpc, campaign, currency), "cpc"),
      conversion: num(of(tables.conversion, campaign), "conversion_rate"),
      lift: num(lift, "volume_lift"),
      gained: num(lift, "followers_gained"),
    };
  });
}

export interface ForecastDay {
  day: number;
  expected: number | null;
  low: number | null;
  high: number | null;
}

export interface Forecast {
  days: ForecastDay[];
  method: string;
  /** What it missed when it was tried on what is known, in per cent of what there was. */
  error: number | null;
  otherError: number | null;
  tested: number | null;
}

export function forecast(table: MetricTable): Forecast {
  const rows = rowsOf(table);
  const days = rows.flatMap((row) => {
    const day = time(row, "day");
    const figures = { expected: num(row, "expected"), low: num(row, "low"), high: num(row, "high") };
    return day === null ? [] : [{ day, ...figures }];
  });
  const first = rows[0];
  return {
    days,
    method: text(first, "method"),
    error: num(first, "error"),
    otherError: num(first, "other_error"),
    tested: num(first, "tested"),
  };
}

/** Mentions by the start of their day. */
export function dailyMentions(table: MetricTable | null): Map<number, number | null> {
  const days = new Map<number, number | null>();
  for (const row of table ? rowsOf(table) : []) {
    const at = time(row, "time");
    if (at !== null) days.set(at, num(row, "raw"));
  }
  return days;
}
