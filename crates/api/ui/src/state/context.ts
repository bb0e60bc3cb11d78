// What every panel needs to know: the brand, the span, the clock.

import { createContext } from "preact";
import { useContext } from "preact/hooks";

import { getMetric } from "../api/client";
import type { Brand, Episode, MetricTable, Model } from "../api/types";
import { type Answer, useAnswer } from "../api/use";
import { type Options, questionOver, useOnScreen } from "./expect";
import type { Span, SpanId } from "./span";

export interface Scene {
  brand: string;
  brands: Brand[];
  span: Span;
  now: number;
  /** The span ends now: new mentions belong to it. */
  live: boolean;
  model: Model | null;
  episodes: Episode[];
  /** When the newest mention of the brand was posted, whatever the span; null where there is none or it is not known. */
  newest: number | null;
  /** Shows the span that ends here (null: now), of this length where one is given. */
  showUntil: (end: number | null, span?: SpanId) => void;
}

export const SceneContext = createContext<Scene | null>(null);

export function useScene(): Scene {
  const scene = useContext(SceneContext);
  if (!scene) throw new Error("a panel stands outside of the page");
  return scene;
}

/** Seconds: figures of a span that ends now may be so old, while newer ones are computed. */
const OLDEST = 3_600;

/** A metric of the chosen brand over the chosen span, or one that belongs to it. */
export function useMetric(id: string, options: Options = {}): Answer<MetricTable> {
  const scene = useScene();
  const query = questionOver(scene.span, scene.brand, options);
  useOnScreen(id, options);
  return useAnswer(`${id} ${JSON.stringify(query)}`, (signal, changed) =>
    getMetric(id, scene.live && !changed ? { ...query, max_age: OLDEST } : query, signal),
  );
}
