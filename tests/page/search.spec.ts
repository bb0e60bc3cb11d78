// The search of the page, against the fixture.

import { expect, type Page } from "@playwright/test";

import { violations } from "./axe.ts";
import { type Fixture, TOKEN } from "./fixture/server.ts";
import { SHOTS, test as base } from "./fixture/test.ts";

const test = base.extend<{ troubles: string[] }>({
  // A query that can not be read is answered with 400, which the browser notes too.
  troubles: async ({ page }, use) => {
    const troubles: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error" && !message.text().includes("400")) troubles.push(message.text());
    });
    page.on("pageerror", (error) => troubles.push(error.message));
    await use(troubles);
  },
});
test.skip(process.env.GRAPEVINE_URL !== undefined, "what the fixture invents");

const box = (page: Page) => page.getByRole("searchbox", { name: "Search the posts" });
const hits = (page: Page) => page.getByRole("list", { name: "Posts found" }).locator(".post");

async function open(page: Page, fixture: Fixture, query = ""): Promise<void> {
  await page.goto(`${fixture.address}/${query}#token=${TOKEN}`);
  await expect(box(page)).toBeVisible();
}

test("`/` comes to the search, what was found is marked, and more is loaded", async ({ page, fixture, troubles }) => {
  await open(page, fixture);
  await page.keyboard.press("/");
  await expect(box(page)).toBeFocused();
  await page.keyboard.type("grove");
  await page.keyboard.press("Enter");
  await expect(hits(page)).toHaveCount(5);
  await expect(hits(page).first().locator("mark")).toHaveText("Grove");
  await expect(page).toHaveURL(/q=grove/);
  await page.getByRole("button", { name: "Load more" }).click();
  await expect(hits(page)).toHaveCount(10);
  await expect(page.getByRole("status").filter({ hasText: "13 posts, 10 of them shown." })).toBeVisible();
  expect(await violations(page)).toEqual([]);
  await page.screenshot({ path: `${SHOTS}search.png`, fullPage: true });
  expect(troubles).toEqual([]);
});

test("filters are chips, kept in the address, and Escape leaves the search", async ({ page, fixture, troubles }) => {
  await open(page, fixture, "?q=grove");
  await page.getByRole("button", { name: "Negative", exact: true }).click();
  await expect(page).toHaveURL(/only=negative/);
  await expect(hits(page).first().locator(".polarity")).toHaveText("negative");
  await page.reload();
  await expect(page.getByRole("button", { name: "Negative", exact: true })).toHaveAttribute("aria-pressed", "true");
  await box(page).focus();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("tabpanel", { name: "Awareness" })).toBeVisible();
  await expect(hits(page)).toHaveCount(0);
  await page.goBack();
  await expect(hits(page).first()).toBeVisible();
  expect(troubles).toEqual([]);
});

test("a query that can not be read shows where, and nothing found says so", async ({ page, fixture, troubles }) => {
  await open(page, fixture);
  await box(page).fill("acme (phone");
  await page.keyboard.press("Enter");
  await expect(page.locator(".found").getByRole("alert")).toContainText("this group is never closed, at character 6");
  await expect(page.locator(".caret")).toHaveText("acme (phone\n     ^");
  await page.screenshot({ path: `${SHOTS}search-error.png` });
  await box(page).fill("nowhere");
  await page.keyboard.press("Enter");
  await expect(page.getByText("No post of this span holds that.")).toBeVisible();
  await box(page).fill("endless");
  await page.keyboard.press("Enter");
  await expect(page.getByText("Looked at 200,000 of 3,000,000 stored posts")).toBeVisible();
  await expect(page.getByRole("button", { name: "Search on" })).toBeVisible();
  expect(await violations(page)).toEqual([]);
  expect(troubles).toEqual([]);
});

test("a search becomes a monitor to paste", async ({ page, fixture, troubles }) => {
  await open(page, fixture, `?q=${encodeURIComponent('"new Grove"')}`);
  await page.getByRole("button", { name: "Save as a monitor" }).click();
  await expect(page.getByLabel("The monitor as TOML")).toContainText('query = "\\"new Grove\\""');
  expect(await violations(page)).toEqual([]);
  await page.screenshot({ path: `${SHOTS}search-monitor.png` });
  expect(troubles).toEqual([]);
});

const GONE = /Posts on forum and x from before (28 Feb|1 Mar)[^.]* are no longer kept\./;

test("what retention removed of the span is said, and only where something went", async ({ page, fixture, troubles }) => {
  await open(page, fixture, "?q=kettle");
  const said = page.locator(".found").getByRole("status");
  await expect(said).toHaveText(GONE);
  expect(await violations(page)).toEqual([]);
  await page.screenshot({ path: `${SHOTS}search-gone.png` });
  await page.setViewportSize({ width: 390, height: 844 });
  await said.scrollIntoViewIfNeeded();
  await page.screenshot({ path: `${SHOTS}search-gone-phone.png` });
  expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBe(0);
  await box(page).fill("grove");
  await page.keyboard.press("Enter");
  await expect(said).toHaveText(/13 posts/);
  await expect(page.getByText("no longer kept")).toHaveCount(0);
  expect(troubles).toEqual([]);
});

for (const scheme of ["light", "dark"] as const) {
  test(`the search on a phone in ${scheme} does not scroll sideways`, async ({ page, fixture, troubles }) => {
    await page.emulateMedia({ colorScheme: scheme });
    await page.setViewportSize({ width: 390, height: 844 });
    await open(page, fixture, "?q=grove");
    await expect(hits(page)).toHaveCount(5);
    const beyond = () => document.documentElement.scrollWidth - document.documentElement.clientWidth;
    expect(await page.evaluate(beyond)).toBeLessThanOrEqual(0);
    await page.getByRole("button", { name: "Save as a monitor" }).click();
    expect(await page.evaluate(beyond)).toBeLessThanOrEqual(0);
    expect(await violations(page)).toEqual([]);
    await page.screenshot({ path: `${SHOTS}search-phone-${scheme}.png`, fullPage: true });
    expect(troubles).toEqual([]);
  });
}
