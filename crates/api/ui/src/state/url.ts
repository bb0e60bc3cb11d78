// What the page shows is written in its address, so that it can be reloaded, sent on and gone back to.

import { isSpanId, rfc3339, type SpanId } from "./span";

export type Tab = "awareness" | "community";

export interface View {
  tab: Tab;
  /** Empty until the brands are known: then the first. */
  brand: string;
  span: SpanId;
  /** Where the span ends, in milliseconds; null means now. */
  end: number | null;
  /** What is searched for: then its hits stand in place of the tab. Null: nothing is searched. */
  query: string | null;
  /** Filters of the search, by name. */
  chips: string[];
}

export function readView(search: string): View {
  const params = new URLSearchParams(search);
  const end = Date.parse(params.get("to") ?? "");
  const span = params.get("span");
  return {
    tab: params.get("tab") === "community" ? "community" : "awareness",
    brand: params.get("brand") ?? "",
    span: isSpanId(span) ? span : "7d",
    end: Number.isNaN(end) ? null : end,
    query: params.get("q"),
    chips: (params.get("only") ?? "").split(",").filter((chip) => chip !== ""),
  };
}

export function writeView(view: View): string {
  const params = new URLSearchParams({ tab: view.tab, span: view.span });
  if (view.brand) params.set("brand", view.brand);
  if (view.end !== null) params.set("to", rfc3339(view.end));
  if (view.query !== null) params.set("q", view.query);
  if (view.query !== null && view.chips.length > 0) params.set("only", view.chips.join(","));
  return `?${params}`;
}

/**
 * The token that an address carries (`#token=…` or `?token=…`), and the address without it. The page puts the second in
 * the address bar before it does anything else, so that the token stays in no history and no screenshot.
 */
export function takeToken(address: string): { token: string | null; rest: string } {
  const url = new URL(address);
  const fragment = new URLSearchParams(url.hash.slice(1));
  const token = fragment.get("token") ?? url.searchParams.get("token");
  fragment.delete("token");
  url.searchParams.delete("token");
  url.hash = fragment.toString();
  return { token, rest: url.toString() };
}
