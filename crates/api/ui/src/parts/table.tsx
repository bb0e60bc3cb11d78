// The table behind a chart, for those who read figures and for screen readers.

import type { Cell, MetricTable } from "../api/types";
import { decimal, exact, moment, NONE } from "../format";
import { useScene } from "../state/context";

export function DataTable({ table, title }: { table: MetricTable; title: string }) {
  const { now } = useScene();
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={`${title}, as a table`}>
      <table>
        <thead>
          <tr>
            {table.columns.map((column) => (
              <th key={column.name} scope="col" class={isFigure(column.unit) ? "n" : ""}>
                {column.name.replaceAll("_", " ")}
                {isFigure(column.unit) && column.unit && column.unit !== column.name ? ` (${column.unit})` : ""}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {table.rows.map((cells, i) => (
            <tr key={i}>
              {table.columns.map((column, j) => (
                <td key={column.name} class={isFigure(column.unit) ? "n" : ""}>
                  {shown(cells[j] ?? null, column.unit, now)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function isFigure(unit: string): boolean {
  return unit !== "text" && unit !== "time" && unit !== "url";
}

function shown(cell: Cell, unit: string, now: number): string {
  if (cell === null) return NONE;
  if (typeof cell === "number") return Number.isInteger(cell) ? exact(cell) : decimal(cell, 2);
  if (unit === "time" && typeof cell === "string") {
    const time = Date.parse(cell);
    return Number.isNaN(time) ? cell : moment(time, now);
  }
  return Array.isArray(cell) ? cell.join(", ") : String(cell);
}
