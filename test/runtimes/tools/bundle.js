// node bundle.js BUNDLER PROJECT OUTDIR: bundles PROJECT/index.html, whose script is example.js, as an application for
// browsers; each bundler as its own documentation begins, minified. Plain JavaScript: the bundlers are not in the project's own
// node_modules (package.json beside this file), so tsc would not find their typings.

import { join, resolve } from "node:path";
import { argv } from "node:process";

const [bundler, project, outdir] = [argv[2], resolve(argv[3]), resolve(argv[4])];
const entry = join(project, "example.js");

const BUNDLERS = {
  async esbuild() {
    const { build } = await import("esbuild");
    await build({ entryPoints: [entry], outdir, bundle: true, minify: true, format: "esm" });
  },
  async rolldown() {
    const { build } = await import("rolldown");
    await build({ input: entry, output: { dir: outdir, minify: true } });
  },
  async vite() {
    const { build } = await import("vite");
    await build({
      root: project,
      configFile: false,
      logLevel: "error",
      // Its polyfill asks for a document, and the bundle is run in Node too.
      build: { outDir: outdir, emptyOutDir: true, modulePreload: { polyfill: false } },
    });
  },
  async webpack() {
    const { default: webpack } = await import("webpack");
    await new Promise((done, fail) => {
      webpack({ mode: "production", entry, output: { path: outdir } }, (error, stats) => {
        if (error ?? stats.hasErrors()) fail(error ?? new Error(stats.toString("errors-only")));
        else done();
      });
    });
  },
};

await BUNDLERS[bundler]();
