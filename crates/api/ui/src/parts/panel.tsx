// A panel: its title, its info button, and what it shows while loading, empty or in trouble.

import type { ComponentChildren } from "preact";
import { useId, useState } from "preact/hooks";

import type { MetricTable } from "../api/types";
import type { Answer } from "../api/use";
import { DataTable } from "./table";
import { Empty, Loading, TroubleNote } from "./states";
import { Age } from "./age";
import { Info } from "./info";

interface Props {
  title: string;
  class?: string;
  answer: Answer<MetricTable>;
  /** Says why there may be nothing and what to do. */
  empty: string;
  /** False where a table has rows but nothing to show, such as zeros only. */
  hasData?: (table: MetricTable) => boolean;
  /** What stands in the "show as table" view: the answer's own rows by default. */
  asTable?: boolean;
  actions?: ComponentChildren;
  children: (table: MetricTable) => ComponentChildren;
}

export function Panel({ title, class: name, answer, empty, hasData, asTable = true, actions, children }: Props) {
  const [table, setTable] = useState(false);
  const heading = useId();
  const { data } = answer;
  const filled = data !== null && data.rows.length > 0 && (hasData?.(data) ?? true);
  return (
    <section class={`panel ${name ?? ""}`} aria-labelledby={heading} aria-busy={answer.loading}>
      <header>
        <h2 id={heading}>{title}</h2>
        {data && <Info table={data} name={title} />}
        {data?.as_of && <Age of={data.as_of} />}
        <div class="actions">
          {actions}
          {asTable && filled && (
            <button type="button" class="button quiet" aria-pressed={table} onClick={() => setTable(!table)}>
              {table ? "Chart" : "Table"}
              <span class="unseen"> of {title}</span>
            </button>
          )}
        </div>
      </header>
      <div class="body">
        {answer.trouble && <TroubleNote trouble={answer.trouble} />}
        {!data && !answer.trouble && <Loading />}
        {data && !filled && !answer.loading && <Empty text={empty} />}
        {data && !filled && answer.loading && <Loading />}
        {data && filled && (
          <div class={answer.loading ? "stale" : ""}>
            {table ? <DataTable table={data} title={title} /> : children(data)}
          </div>
        )}
      </div>
    </section>
  );
}
