// report/page/ → dist/report.html: the page of `heapwright report`, which contains its style and code. The command line puts the
// traces where DATA_MARK is.

import { readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const PAGE = "report/page";

/** Writes dist/report.html; returns the files that are in it. */
export async function buildReport(): Promise<string[]> {
  const { outputFiles, metafile } = await build({
    entryPoints: [`${PAGE}/main.ts`],
    bundle: true,
    format: "iife",
    platform: "browser",
    target: "es2022",
    minify: true,
    // The package has "sideEffects": false; report/page/locale.ts has one.
    ignoreAnnotations: true,
    charset: "utf8",
    legalComments: "none",
    logLevel: "warning",
    metafile: true,
    write: false,
  });
  const chart = readFileSync("node_modules/uplot/dist/uPlot.min.css", "utf8");
  const page = readFileSync(`${PAGE}/page.html`, "utf8")
    .replace("/* page.css */", () => chart + readFileSync(`${PAGE}/page.css`, "utf8"))
    .replace("/* page.js */", () => {
      const code = outputFiles[0]!.text;
      if (code.includes("</script"))
        throw new Error(`${PAGE}: the code has the end of its element`);
      return code;
    });
  writeFileSync("dist/report.html", page);
  return Object.keys(metafile.inputs);
}
