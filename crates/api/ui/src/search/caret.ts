// Where a query can not be read. Pure.

const WIDE = /[\u1100-\u115f\u3000-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uff60\u{1f300}-\u{1faff}\u{20000}-\u{3ffff}]/u;

/** The query, and below it a caret under its character `column`, from 1 on. */
export function caret(query: string, column: number): string {
  const before = Array.from(query.replaceAll(/\s/g, " ")).slice(0, column - 1);
  const blank = before.map((character) => (WIDE.test(character) ? "\u3000" : " ")).join("");
  return `${query.replaceAll(/\s/g, " ")}\n${blank}^`;
}
