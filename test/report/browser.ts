/** A Chromium to open pages in: the one that test/runtimes has fetched, or one that is installed. */

import { chromium as playwright, type Browser } from "playwright-core";

import { chromium } from "../runtimes/tools.ts";

/** A browser, or why there is none. */
export async function launch(): Promise<Browser | { readonly missing: string }> {
  const tool = await chromium();
  if ("missing" in tool) return tool;
  return playwright.launch({
    executablePath: tool.path,
    env: { ...process.env, ...tool.env } as Record<string, string>,
    args: ["--no-sandbox", "--disable-gpu"],
  });
}
