import { execFileSync } from "node:child_process";

import { defineConfig } from "@playwright/test";

/** The system's Chromium: Playwright downloads no browser here. */
function chromium(): string {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
    try {
      return execFileSync("which", [name], { encoding: "utf8" }).trim();
    } catch {
      continue;
    }
  }
  throw new Error(
    "no Chromium is installed: `apt-get install chromium`, or name one in the environment variable CHROMIUM",
  );
}

// A running `grapevine up` may be a debug build on a machine that tests other things too: its answers take as long as they take.
const real = process.env.GRAPEVINE_URL !== undefined;

export default defineConfig({
  testDir: ".",
  timeout: real ? 120_000 : 30_000,
  expect: { timeout: real ? 60_000 : 10_000 },
  workers: 1,
  reporter: "line",
  outputDir: "../../target/page/results",
  use: {
    browserName: "chromium",
    viewport: { width: 1440, height: 1000 },
    locale: "en-GB",
    launchOptions: {
      executablePath: chromium(),
      args: [
        "--no-sandbox",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
      ],
    },
  },
});
