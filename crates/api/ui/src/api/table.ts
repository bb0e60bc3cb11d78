// Reading a metric's table by the names of its columns.

import type { Cell, MetricTable } from "./types";

export type Row = Record<string, Cell>;

export function rowsOf(table: MetricTable): Row[] {
  return table.rows.map((cells) => Object.fromEntries(table.columns.map((column, i) => [column.name, cells[i] ?? null])));
}

/** The first of these columns that holds a number; null where it is not known. */
export function num(row: Row | undefined, ...names: string[]): number | null {
  for (const name of names) {
    const cell = row?.[name];
    if (typeof cell === "number") return cell;
  }
  return null;
}

export function text(row: Row | undefined, ...names: string[]): string {
  for (const name of names) {
    const cell = row?.[name];
    if (typeof cell === "string") return cell;
  }
  return "";
}

/** Milliseconds since the Unix epoch; null where the cell is no time. */
export function time(row: Row | undefined, ...names: string[]): number | null {
  const value = Date.parse(text(row, ...names));
  return Number.isNaN(value) ? null : value;
}
