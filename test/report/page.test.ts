/** The page of a report, in a Chromium: what somebody sees who clicks through it. Skipped where there is no Chromium. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";

import { bundled, fileOf, folder, heapwright } from "../cli/run-cli.ts";
import { launch } from "./browser.ts";

const found = await launch();
const browser = "missing" in found ? undefined : found;
if ("missing" in found) console.log(`Pages are not tested: ${found.missing}`);
afterAll(async () => browser?.close());
const inBrowser = test.skipIf(browser === undefined);

const SIZES = [
  [1280, 800],
  [820, 1180],
  [390, 844],
] as const;

/** A program with call sites that leaks: `load` keeps 100 blocks of 1,000 bytes. */
const leak = fileOf(
  "leak.rep",
  [
    "0\n200\n300\n1\ns 1 0 main @ app.c:1\ns 2 1 load @ app.c:20\ns 3 1 draw @ app.c:30",
    ...Array.from(
      { length: 100 },
      (_, i) => `a ${2 * i} 1000 @2\na ${2 * i + 1} 64 @3\nf ${2 * i + 1}`,
    ),
    "",
  ].join("\n"),
);

/** Opens a report until the end of the test, and waits until it is shown. Errors of the page fail the test. */
async function open(
  file: string,
  size: readonly [number, number] = SIZES[0],
  options = {},
): Promise<Page> {
  const page = await (browser as Browser).newPage({
    viewport: { width: size[0], height: size[1] },
    ...options,
  });
  onTestFinished(() => page.close());
  page.on("pageerror", (error) => {
    throw error;
  });
  await page.goto(pathToFileURL(file).href);
  // A busy machine takes long for a large trace.
  await page.locator("#main").waitFor({ timeout: 150_000 });
  return page;
}

let nginx: string;
let both: string;
let leaking: string;
beforeAll(async () => {
  [nginx, both, leaking] = ["nginx.html", "both.html", "leak.html"].map((name) =>
    join(folder, name),
  ) as [string, string, string];
  for (const args of [
    [bundled[1]!, "-o", nginx],
    [bundled[1]!, "--margin", "auto,1M", "-o", both],
    [leak, "-o", leaking],
  ]) {
    const { code, err } = await heapwright("report", ...args);
    expect([code, err]).toEqual([0, ""]);
  }
});

inBrowser.each(SIZES)("fits a window of %i × %i", async (...size) => {
  const page = await open(nginx, size);
  const [content, window] = await page.evaluate(() => [
    document.documentElement.scrollWidth,
    document.documentElement.clientWidth,
  ]);
  expect(content).toBeLessThanOrEqual(window!);
  expect(await page.locator("canvas").count()).toBe(2);
});

inBrowser("shows the moment that is clicked, and steps from there", async () => {
  const page = await open(nginx);
  const moment = page.getByLabel("Operations done");
  expect(await moment.inputValue()).toBe("67074");
  const parts = page.locator("#parts");
  expect(await parts.innerText()).toContain("402,069");

  await page.locator("#timeline .u-over").click({ position: { x: 300, y: 100 } });
  const clicked = Number(await moment.inputValue());
  expect(clicked).toBeGreaterThan(10_000);
  expect(clicked).toBeLessThan(40_000);

  const step = page.locator("#step");
  await page.getByRole("button", { name: "One operation forward" }).click();
  expect(await moment.inputValue()).toBe(`${clicked + 1}`);
  expect(await step.innerText()).toContain(`Operation ${(clicked + 1).toLocaleString("en-US")}:`);
  expect(await step.innerText()).toMatch(/It read \d+ words and wrote \d+ words?\./);
  await page.getByRole("button", { name: "One operation back" }).click();
  expect(await moment.inputValue()).toBe(`${clicked}`);

  await moment.fill("67074");
  await moment.press("Enter");
  expect(await step.innerText()).toContain("aligned_alloc(16, 4,096)");
  expect(await step.innerText()).toContain("No bin has a free block of 4,112 bytes.");
  expect(await step.innerText()).toContain("The block is cut from the top block.");
  expect(await step.locator(".written").count()).toBe(5);
});

inBrowser("zooms into what is dragged over, and out again", async () => {
  const page = await open(nginx);
  const over = page.locator("#timeline .u-over");
  const box = (await over.boundingBox())!;
  const range = (): Promise<number> =>
    page.evaluate(() => {
      const { timeline } = (
        globalThis as unknown as { heapReport: { timeline: { range: [number, number] } } }
      ).heapReport;
      return timeline.range[1] - timeline.range[0];
    });
  expect(await range()).toBe(80_000);
  await page.mouse.move(box.x + 200, box.y + 50);
  await page.mouse.down();
  await page.mouse.move(box.x + 300, box.y + 60, { steps: 5 });
  await page.mouse.up();
  expect(await range()).toBeLessThan(12_000);
  await page.getByRole("button", { name: "Show the whole timeline" }).click();
  expect(await range()).toBe(80_000);
});

inBrowser("shows a block of the map by mouse and by keyboard", async () => {
  const page = await open(nginx);
  const map = page.getByRole("application");
  const block = page.locator("#block");
  await map.click({ position: { x: 400, y: 300 } });
  expect(await block.innerText()).toContain("Block in use 0x");
  expect(await block.innerText()).toMatch(/IN_USE/);
  expect(await block.innerText()).toMatch(/header of block/);

  await map.focus();
  const seen = new Set<string>();
  for (let i = 0; i < 6; i += 1) {
    await page.keyboard.press("]");
    seen.add(await block.locator("h3").first().innerText());
  }
  expect(seen.size).toBe(6);

  const row = (): Promise<string> => page.locator("#map > p").first().innerText();
  const whole = await row();
  for (let i = 0; i < 8; i += 1) await page.keyboard.press("+");
  await expect.poll(row).toContain("64 B in a row");
  await page.keyboard.press("0");
  await expect.poll(row).toBe(whole);

  await map.click({ position: { x: 500, y: 60 } });
  expect(await block.innerText()).toMatch(/bitmap\s+[01]+/);
  const link = block.getByRole("button", { name: /Go to operation/ }).first();
  await link.click();
  expect(await page.getByLabel("Operations done").inputValue()).not.toBe("67074");
});

inBrowser("names the call site of a leak", async () => {
  const page = await open(leaking);
  const sites = page.locator("#sites");
  const first = sites.locator("tbody tr").first();
  expect(await first.innerText()).toMatch(/100,000\s+100.0%\s+100\s+load \(app.c:20\) ← main/);
  await sites.getByRole("button", { name: /^load/ }).first().click();
  expect(await sites.getByRole("button", { name: /^all/ }).count()).toBe(2);
});

inBrowser("compares two runs, and tries other settings", async () => {
  const page = await open(both);
  await page.getByLabel("Compare with").selectOption({ label: "nginx, margin 1M" });
  const comparison = page.locator("#compare");
  await comparison.locator("table").waitFor();
  expect(await comparison.innerText()).toMatch(/peak footprint\s+448.0 KiB\s+1\.\d MiB/);
  expect(await page.locator("#timeline").innerText()).toContain("footprint, other run");

  await page.getByRole("button", { name: "Replay the trace with other settings" }).click();
  await page.locator("#suggestions table").waitFor();
  expect(await page.locator("#suggestions tbody tr").count()).toBe(6);
});

inBrowser("is dark if the system is", async () => {
  const page = await open(nginx, SIZES[0], { colorScheme: "dark" });
  const back = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  expect(back).toBe("rgb(13, 17, 23)");
});

test("needs nothing from outside", () => {
  const page = readFileSync(nginx, "utf8");
  expect(page).not.toMatch(/(?:src|href)="(?!#)/);
  expect(page).not.toMatch(/https?:\/\/(?!www\.w3\.org)/);
  expect(page).not.toContain("<!-- data -->");
});
