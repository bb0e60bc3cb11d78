// What a search found in a text.

import type { ComponentChildren } from "preact";

export interface Piece {
  text: string;
  hit: boolean;
}

/** The text in pieces. Ranges count code points, and a text is indexed by halves of some of them. */
export function pieces(text: string, marks: [number, number][]): Piece[] {
  const characters = Array.from(text);
  const found: Piece[] = [];
  let at = 0;
  const add = (to: number, hit: boolean) => {
    if (to > at) found.push({ text: characters.slice(at, to).join(""), hit });
    at = Math.max(at, to);
  };
  for (const [from, to] of marks) {
    add(from, false);
    add(to, true);
  }
  add(characters.length, false);
  return found;
}

export function marked(text: string, marks: [number, number][]): ComponentChildren {
  if (marks.length === 0) return text;
  return pieces(text, marks).map(({ text, hit }, i) => (hit ? <mark key={i}>{text}</mark> : text));
}
