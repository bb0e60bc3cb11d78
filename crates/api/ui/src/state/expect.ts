// Tells the server what this page asks over its other spans, so that the answers are there when somebody changes the span.

import { useEffect, useRef } from "preact/hooks";

import { expectMetrics, type Query } from "../api/client";
import type { Scene } from "./context";
import { rfc3339, type Span, SPANS, spanEnding } from "./span";

/** What a panel asks of the chosen brand. What depends on the shown span is a function of it. */
export interface Options {
  by?: string | ((shown: Span) => string);
  limit?: number;
  span?: (shown: Span) => Span;
  brand?: string;
  hashtag?: string;
}

interface Question {
  id: string;
  options: Options;
}

/** After a page is opened, its own figures are computed first. */
const LATER = 30_000;
/** A server that was begun anew hears of it again. */
const AGAIN = 3_600_000;

const onScreen = new Set<Question>();

/** The question over this span. */
export function questionOver(shown: Span, brand: string, { by, limit, span, brand: other, hashtag }: Options): Query {
  const { from, to } = span ? span(shown) : shown;
  return {
    brand: other ?? brand,
    from: rfc3339(from),
    to: rfc3339(to),
    by: (typeof by === "function" ? by(shown) : by) ?? null,
    limit: limit ?? null,
    hashtag: hashtag ?? null,
  };
}

/** What is asked over this span and not over the shown one. Which hashtag is looked at depends on the span. */
export function onlyOver(span: Span, shown: Span, brand: string, questions: Iterable<Question>): [string, Query][] {
  return [...questions].flatMap(({ id, options }): [string, Query][] => {
    const query = questionOver(span, brand, options);
    const asked = JSON.stringify(questionOver(shown, brand, options)) === JSON.stringify(query);
    return asked || options.hashtag ? [] : [[id, query]];
  });
}

/** A panel asks this as long as it is there. */
export function useOnScreen(id: string, options: Options): void {
  const question = useRef({ id, options });
  question.current.options = options;
  useEffect(() => {
    const { current } = question;
    onScreen.add(current);
    return () => void onScreen.delete(current);
  }, []);
}

/** Of a page that ends now. */
export function useExpect({ brand, span, live }: Scene, tab: string): void {
  const shown = useRef(span);
  shown.current = span;
  useEffect(() => {
    if (!live) return;
    const tell = () => {
      for (const { id } of SPANS) {
        const questions = onlyOver(spanEnding(id, shown.current.to), shown.current, brand, onScreen);
        // Nobody waits for it: who changes the span is answered all the same.
        if (questions.length > 0) void expectMetrics(questions).catch(() => undefined);
      }
    };
    const timers = [window.setTimeout(tell, LATER), window.setInterval(tell, AGAIN)];
    return () => timers.forEach((timer) => window.clearTimeout(timer));
  }, [brand, tab, live]);
}
