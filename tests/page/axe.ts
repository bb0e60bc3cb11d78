// What axe finds in a page that keeps people out.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import type { Page } from "@playwright/test";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** The serious and the critical, each with where it is and how to mend it. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate(async () => {
    // @ts-expect-error axe was just put into the page
    const { violations } = await window.axe.run(document, { resultTypes: ["violations"] });
    type Found = { id: string; impact: string; nodes: { html: string; failureSummary: string }[] };
    const serious = (violations as Found[]).filter(({ impact }) => impact === "serious" || impact === "critical");
    return serious.map(
      ({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join(" | ")}`,
    );
  });
}
