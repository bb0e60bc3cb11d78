// The button beside a number that says what the number is, where it comes from and how far to trust it.

import { useId, useRef } from "preact/hooks";

import type { MetricTable, Model } from "../api/types";
import { ago, percent, spanText } from "../format";
import { useScene } from "../state/context";
import { placeCard } from "./card";

export function Info({ table, name }: { table: MetricTable; name?: string }) {
  const scene = useScene();
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const card = useRef<HTMLDivElement>(null);
  const { metric } = table;

  return (
    <>
      <button ref={button} type="button" class="info" popovertarget={id} aria-label={`About ${name ?? metric.title}`}>
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <circle cx="8" cy="8" r="6.6" fill="none" stroke="currentColor" stroke-width="1.3" />
          <circle cx="8" cy="4.9" r="0.95" fill="currentColor" />
          <path d="M8 7.2v4.2" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" />
        </svg>
      </button>
      <div
        ref={card}
        id={id}
        popover="auto"
        role="dialog"
        class="card"
        tabIndex={0}
        aria-label={`About ${name ?? metric.title}`}
        onToggle={() => placeCard(button.current, card.current)}
      >
        <h3>{metric.title}</h3>
        <p>{metric.definition}</p>
        <dl>
          <dt>Formula</dt>
          <dd>
            <code>{metric.formula}</code>
          </dd>
          {metric.denominator && <Entry name="Out of" value={metric.denominator} />}
          <Entry name="Source of the definition" value={`${metric.source}; ${metric.id}, version ${metric.version}`} />
          <Entry name="Span" value={spanText(Date.parse(table.from), Date.parse(table.to), scene.now)} />
          {table.as_of && <Entry name="Computed" value={ago(Date.parse(table.as_of), scene.now)} />}
          <Entry name="Coverage" value={table.coverage.note || "complete"} />
          {metric.partial_when && <Entry name="Partial when" value={metric.partial_when} />}
          {table.correction?.note && <Entry name="Corrected by" value={table.correction.note} />}
          {table.model && <Entry name="Model" value={modelText(table.model, scene.model)} />}
        </dl>
      </div>
    </>
  );
}

function Entry({ name, value }: { name: string; value: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  );
}

/** The model that scored the span, how much of it, and its measured accuracy where this server runs the same. */
function modelText(note: { name: string; share_scored: number }, running: Model | null): string {
  const scored = `${note.name} scored ${percent(note.share_scored * 100)} of the mentions`;
  if (!running || running.id !== note.name || running.accuracy === null) return `${scored}; accuracy not stated`;
  const measured = running.measured_on ? ` on ${running.measured_on}` : "";
  return `${scored}; macro-recall ${percent(running.accuracy * 100)}${measured}`;
}
