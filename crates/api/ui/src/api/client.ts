// Asks the API. Every failure becomes a Trouble that says what to do.

import type { Brand, Drawn, Episode, ForgetBody, ForgetRequest, Label, Mention, MetricTable, SearchPage, Status } from "./types";

export class Trouble extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly hint: string,
    /** Of a query that can not be read: where, in characters from 1 on. */
    readonly column: number | null = null,
  ) {
    super(message);
  }
}

/** Called when the API says that nobody is logged in, or no longer. */
let onLoggedOut: (trouble: Trouble) => void = () => undefined;
export function whenLoggedOut(then: (trouble: Trouble) => void): void {
  onLoggedOut = then;
}

/** A restart of the server ends every session. */
export const isLoggedOut = ({ code }: Trouble) => code === "not_authorised" || code === "session_ended";

export type Query = Record<string, string | number | null | undefined>;

function withQuery(path: string, query: Query): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") params.set(name, String(value));
  }
  const text = params.toString();
  return text ? `${path}?${text}` : path;
}

const address = (path: string, query: Query = {}) => `api/v1/${withQuery(path, query)}`;

async function ask<T>(path: string, query: Query, signal?: AbortSignal): Promise<T> {
  let response: Response;
  try {
    response = await fetch(address(path, query), signal ? { signal } : {});
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Trouble(
      "unreachable",
      "the server does not answer",
      "check that `grapevine up` is running; this page tries again by itself",
    );
  }
  if (!response.ok) throw await trouble(response);
  return (await response.json()) as T;
}

async function trouble(response: Response): Promise<Trouble> {
  const body = (await response.json().catch(() => null)) as Partial<Record<"code" | "message" | "hint", string>> & {
    column?: number;
  } | null;
  const found = new Trouble(
    body?.code ?? `http_${response.status}`,
    body?.message ?? `the server answered with status ${response.status}`,
    body?.hint ?? "see the log of `grapevine up` at this time",
    body?.column ?? null,
  );
  if (isLoggedOut(found)) onLoggedOut(found);
  return found;
}

export async function logIn(token: string): Promise<void> {
  const response = await fetch(address("session"), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token }),
  });
  if (!response.ok) throw await trouble(response);
}

const labelsOf = (id: string) => `mentions/${encodeURIComponent(id)}/labels`;

/** Says what a person sees; the answer is what was kept. */
export async function giveLabel(
  id: string,
  label: { brand: string; field: string; value: string; by: string; drawn?: boolean },
) {
  return send<Label[]>(labelsOf(id), {}, { method: "POST", body: JSON.stringify(label) });
}

/** The model's word counts again. */
export async function takeBack(id: string, label: { brand: string; field: string; by: string }) {
  return send<Label[]>(labelsOf(id), label, { method: "DELETE" });
}

/** Answers once what is named is kept out; the rest goes on behind it. */
export async function forget(body: ForgetBody) {
  return send<ForgetRequest>("forget", {}, { method: "POST", body: JSON.stringify(body) }, AS_IT_WAS);
}

const AS_IT_WAS = "it is not known whether the request was taken: make it again, as it was";

async function send<T>(path: string, query: Query, request: RequestInit, hint = "nothing was kept: try again"): Promise<T> {
  const headers = { "content-type": "application/json" };
  const response = await fetch(address(path, query), { ...request, headers }).catch(() => {
    throw new Trouble("unreachable", "the server does not answer", hint);
  });
  if (!response.ok) throw await trouble(response);
  return (await response.json()) as T;
}

/** These may be asked soon. */
export async function expectMetrics(questions: [id: string, query: Query][]): Promise<void> {
  const body = JSON.stringify({ questions: questions.map(([id, query]) => withQuery(id, query)) });
  const response = await fetch(address("expected"), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });
  if (!response.ok) throw await trouble(response);
}

export async function logOut(): Promise<void> {
  await fetch(address("session"), { method: "DELETE" });
}

export const getBrands = (signal?: AbortSignal) => ask<Brand[]>("brands", {}, signal);
export const getStatus = (signal?: AbortSignal) => ask<Status>("status", {}, signal);
export const getMetric = (id: string, query: Query, signal?: AbortSignal) =>
  ask<MetricTable>(`metrics/${encodeURIComponent(id)}`, query, signal);
export const getMentions = (query: Query, signal?: AbortSignal) =>
  ask<{ mentions: Mention[]; next: string | null }>("mentions", query, signal);
export const getSearch = (query: Query, signal?: AbortSignal) => ask<SearchPage>("search", query, signal);
/** The newest first. */
export const getForgets = (signal?: AbortSignal) => ask<ForgetRequest[]>("forget", {}, signal);
/** Posts that chance draws, to be judged. */
export const getDrawn = (query: Query) => ask<Drawn>("drawn", query);
export const getAlerts = (query: Query, signal?: AbortSignal) => ask<Episode[]>("alerts", query, signal);
export const liveAddress = (brand: string) => address("live", { brand });
