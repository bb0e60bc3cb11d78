// Somebody asks to be forgotten: from a post to the proof, against the fixture.

import { expect, type Locator, type Page } from "@playwright/test";

import { violations } from "./axe.ts";
import { TOKEN } from "./fixture/server.ts";
import { SHOTS, test } from "./fixture/test.ts";

test.skip(process.env.GRAPEVINE_URL !== undefined, "what the fixture invents");

const wrong = (page: Page, author: string) =>
  page.getByRole("button", { name: `Wrong? Correct this post by ${author}` }).first();

/** By keyboard, from a post of the author. */
async function open(page: Page, author: string): Promise<Locator> {
  await wrong(page, author).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Forget this author or post" }).focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Forget on request" });
  await expect(dialog).toBeVisible();
  return dialog;
}

test("an account is forgotten by keyboard, in two steps, and the proof is shown", async ({ page, fixture }) => {
  await page.goto(`${fixture.address}/#token=${TOKEN}`);
  const dialog = await open(page, "grumpygus");
  await expect(dialog.getByRole("radio", { name: "everything by @grumpygus on bluesky" })).toBeFocused();
  for (const part of ["every repost of them", "A salted hash of the account", "Records in Kafka", "Exports and backups"])
    await expect(dialog).toContainText(part);
  expect(await violations(page)).toEqual([]);
  await page.screenshot({ path: `${SHOTS}forget.png` });
  await dialog.getByLabel("Reason").focus();
  await page.keyboard.press("Enter");
  expect(fixture.forgotten, "a reason is wanted").toEqual([]);
  await expect(dialog.getByRole("button", { name: "Go on" })).toBeVisible();
  await page.keyboard.type("letter 12");
  await page.keyboard.press("Enter");
  await expect(dialog).toContainText("Forget everything by @grumpygus on bluesky, for ever?");
  await page.keyboard.press("Enter");
  expect(fixture.forgotten, "Enter twice confirms nothing").toEqual([]);
  await page.screenshot({ path: `${SHOTS}forget-sure.png` });
  await dialog.getByRole("button", { name: "Forget for ever" }).focus();
  await page.keyboard.press("Enter");
  await expect(dialog.getByRole("status")).toHaveText("It is being carried out, and goes on when this is closed.");
  expect(fixture.forgotten).toEqual([{ authors: ["bluesky:grumpygus"], reason: "letter 12", by: "page" }]);
  await expect(dialog.getByRole("status")).toHaveText("Done.");
  await expect(dialog).toContainText("3 in mentions");
  await expect(dialog).toContainText(/4 in mentions\.raw, until .*: Kafka removes no single record/);
  expect(await violations(page)).toEqual([]);
  await page.screenshot({ path: `${SHOTS}forget-done.png` });
  await page.keyboard.press("Escape");
  await expect(wrong(page, "grumpygus")).toHaveCount(0);
  await expect(page.locator(".post:focus")).toHaveText("This post is to be forgotten, as it was asked for.");
  await expect(page.getByText("Third kettle in a year")).toHaveCount(0);
});

test("what is cancelled asks nothing, and the focus comes back", async ({ page, fixture }) => {
  await page.goto(`${fixture.address}/?q=grove#token=${TOKEN}`);
  const dialog = await open(page, "grumpygus");
  await dialog.getByLabel("Reason").fill("letter 12");
  await dialog.getByRole("button", { name: "Go on" }).click();
  await dialog.getByRole("button", { name: "Back" }).click();
  await expect(dialog.getByLabel("Reason")).toHaveValue("letter 12");
  await page.keyboard.press("Escape");
  await expect(dialog).toHaveCount(0);
  await expect(wrong(page, "grumpygus")).toBeFocused();
  expect(fixture.forgotten).toEqual([]);
});

test("a request that failed on its way says why, and goes on when it is made again", async ({ page, fixture }) => {
  await page.goto(`${fixture.address}/#token=${TOKEN}`);
  const dialog = await open(page, "grumpygus");
  await dialog.getByLabel("Reason").fill("stuck");
  await dialog.getByRole("button", { name: "Go on" }).click();
  await dialog.getByRole("button", { name: "Forget for ever" }).click();
  await expect(dialog.getByRole("status")).toHaveText(/^It could not be carried out: the store failed; make the request again/);
  expect(await violations(page)).toEqual([]);
  await page.screenshot({ path: `${SHOTS}forget-failed.png` });
  await dialog.getByRole("button", { name: "Ask again" }).click();
  await expect(dialog.getByRole("status")).toHaveText("Done.");
  const [first, again] = fixture.forgotten;
  expect(again, "as it was").toEqual(first);
});

test("what was not taken is said, with what to do, and one of several instances is asked for", async ({ page, fixture }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto(`${fixture.address}/#token=${TOKEN}`);
  const dialog = await open(page, "tea_and_code");
  expect(await violations(page)).toEqual([]);
  await page.screenshot({ path: `${SHOTS}forget-phone.png` });
  expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBe(0);
  const ask = async (reason: string) => {
    await dialog.getByLabel("Reason").fill(reason);
    await dialog.getByRole("button", { name: "Go on" }).click();
    await dialog.getByRole("button", { name: "Forget for ever" }).click();
  };
  await ask("letter 12");
  await expect(dialog.getByRole("alert")).toContainText("is on several instances: a.example, b.example");
  await dialog.getByLabel("Instance").fill("b.example");
  await ask("log away");
  await expect(dialog.getByRole("alert")).toContainText("make it again, as it was");
  await dialog.getByRole("radio", { name: "this post by @tea_and_code" }).check();
  await ask("letter 12");
  await expect(dialog.getByRole("status")).toHaveText("Done.");
  await page.screenshot({ path: `${SHOTS}forget-phone-done.png` });
  expect(fixture.forgotten.at(-1)).toMatchObject({ mentions: ["post-4"], reason: "letter 12" });
  await dialog.getByRole("button", { name: "Close" }).click();
  const again = await open(page, "grumpygus");
  await again.getByText("Requests so far").click();
  await expect(again.getByRole("listitem")).toContainText("by page, letter 12: Done.");
});
