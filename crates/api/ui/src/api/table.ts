// Reading a metric's table by the names of its columns.

import type { Cell, MetricTable } from "./types";

export type Row = Record<string, Cell>;

export function rowsOf(table: MetricTable): Row[] {
  return table.rows.map((cells) =>
    Object.fromEntries(table.columns.map((column, i) => [column.name, cells[i] ?? null])),
  );
}

/** Null where it is not known. */
export function num(row: Row | undefined, name: string): number | null {
  const cell = row?.[name];
  return typeof cell === "number" ? cell : null;
}

export function text(row: Row | undefined, name: string): string {
  const cell = row?.[name];
  return typeof cell === "string" ? cell : "";
}

/** Milliseconds since the Unix epoch; null where the cell is no time. */
export function time(row: Row | undefined, name: string): number | null {
  const value = Date.parse(text(row, name));
  return Number.isNaN(value) ? null : value;
}
