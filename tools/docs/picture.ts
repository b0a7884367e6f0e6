/** Takes the picture of a report that the README shows: `npx tsx tools/docs/picture.ts`, after a build. Needs a Chromium. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { launch } from "../../test/report/browser.ts";

const PICTURE = "docs/report.png";
const TRACE = "trace/recorded/nginx.rep.gz";
/** Pixels: the width of the page, and where its picture begins and ends. */
const [WIDTH, TOP, BOTTOM] = [1000, 0, 780];

const browser = await launch();
if ("missing" in browser) throw new Error(browser.missing);
const folder = mkdtempSync(join(tmpdir(), "heapwright-picture-"));
try {
  const report = join(folder, "nginx.html");
  execFileSync(process.execPath, ["dist/cli.js", "report", TRACE, "-o", report]);
  const page = await browser.newPage({ viewport: { width: WIDTH, height: BOTTOM } });
  await page.goto(pathToFileURL(report).href);
  await page.locator("#main").waitFor();
  // A shorter table leaves room for the map in the picture.
  await page.addStyleTag({ content: "#step .scroll { max-height: 120px }" });
  await page.screenshot({
    path: PICTURE,
    clip: { x: 0, y: TOP, width: WIDTH, height: BOTTOM },
    fullPage: true,
  });
} finally {
  await browser.close();
  rmSync(folder, { recursive: true });
}
