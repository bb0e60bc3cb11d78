// The header: tabs, brand, span.

import type { Brand } from "../api/types";
import logo from "../assets/grapevine.svg";
import { spanText } from "../format";
import { SearchBox } from "../search/box";
import { type Span, SPANS } from "../state/span";
import type { Tab, View } from "../state/url";

const TABS: { id: Tab; label: string }[] = [
  { id: "awareness", label: "Awareness" },
  { id: "community", label: "Community" },
];

interface Props {
  brands: Brand[];
  view: View;
  span: Span;
  now: number;
  onView: (view: View) => void;
}

export function Top({ brands, view, span, now, onView }: Props) {
  return (
    <header class="top">
      <div class="logo">
        <img src={logo} alt="" />
        Grapevine
      </div>
      <Tabs view={view} onView={onView} />
      <SearchBox view={view} onView={onView} />
      <div class="controls">
        {view.end !== null && (
          <span class="small soft">
            {spanText(span.from, span.to, now)}{" "}
            <button type="button" class="button quiet" onClick={() => onView({ ...view, end: null })}>
              Back to now
            </button>
          </span>
        )}
        <select
          aria-label="Brand"
          value={view.brand}
          onChange={(event) => onView({ ...view, brand: event.currentTarget.value })}
        >
          {brands.map((brand) => (
            <option key={brand.name} value={brand.name}>
              {brand.name}
              {brand.competitor ? " (competitor)" : ""}
            </option>
          ))}
        </select>
        <div class="spans" role="radiogroup" aria-label="Span">
          {SPANS.map((choice) => (
            <label key={choice.id}>
              <input
                type="radio"
                name="span"
                aria-label={`last ${choice.spoken}`}
                checked={view.span === choice.id}
                onChange={() => onView({ ...view, span: choice.id })}
              />
              {choice.label}
            </label>
          ))}
        </div>
      </div>
    </header>
  );
}

/** Tabs as the ARIA practices have them: arrows move, only the chosen one is in the order of the Tab key. */
function Tabs({ view, onView }: { view: View; onView: (view: View) => void }) {
  const move = (event: KeyboardEvent) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.preventDefault();
    const next: Tab = view.tab === "awareness" ? "community" : "awareness";
    onView({ ...view, tab: next, query: null });
    document.getElementById(`tab-${next}`)?.focus();
  };
  return (
    <nav aria-label="Roles">
      <div class="tabs" role="tablist" onKeyDown={move}>
        {TABS.map(({ id, label }) => (
          <button
            key={id}
            type="button"
            role="tab"
            id={`tab-${id}`}
            aria-selected={view.query === null && view.tab === id}
            aria-controls={view.tab === id ? `panel-${id}` : undefined}
            tabIndex={view.tab === id ? 0 : -1}
            onClick={() => onView({ ...view, tab: id, query: null })}
          >
            {label}
          </button>
        ))}
      </div>
    </nav>
  );
}
