/** Where the suite runs, and how it is started there. */

import { join } from "node:path";
import type { Browser } from "./browser.ts";
import { run } from "./commands.ts";
import type { Project } from "./project.ts";
import type { Report } from "./suite/main.ts";
import type { Here } from "./suite/place.ts";
import { OUT, type Program } from "./tools.ts";

/** What the suite cannot find out about its place. */
type Told = Pick<Here, "wasm" | "shares" | "seed">;

export interface Start {
  readonly name: string;
  /** What the place has. */
  readonly has: Omit<Told, "seed">;
  readonly start: (place: Told) => Promise<Report>;
}

const EVERYTHING = { wasm: "allowed", shares: true } as const;

/** Places of Node, Bun or Deno. */
export function commandPlaces(name: string, { path, env }: Program, { folder }: Project): Start[] {
  const isDeno = name === "deno";
  const flags = isDeno ? ["run", "--quiet", "--allow-read", "--no-lock"] : [];
  const on =
    (thread: "main" | "worker", ...more: string[]): Start["start"] =>
    (place) =>
      ran([...more, join(folder, "node.js"), thread, JSON.stringify(place)]);
  const ran = async (rest: string[]): Promise<Report> => {
    const args = [...flags, ...rest];
    const own = { DENO_NO_UPDATE_CHECK: "1", DENO_DIR: join(OUT, "deno") };
    const printed = await run(path, args, { cwd: folder, env: { ...env, ...own } });
    return JSON.parse(printed) as Report;
  };
  const places: Start[] = [
    { name: "main thread", has: EVERYTHING, start: on("main") },
    { name: "worker thread", has: EVERYTHING, start: on("worker") },
  ];
  if (name.startsWith("node")) {
    const start = on("main", "--import", "data:text/javascript,delete globalThis.WebAssembly");
    places.push({ name: "without WebAssembly", has: { ...EVERYTHING, wasm: "missing" }, start });
  }
  if (process.platform === "linux") {
    const allowed = isDeno ? ["--allow-ffi"] : [];
    const start = (): Promise<Report> => ran([...allowed, join(folder, "native.js")]);
    places.push({ name: "native memory", has: EVERYTHING, start });
  }
  return places;
}

/** Places of Chromium. */
export function pages(browser: Browser): Start[] {
  const open =
    (page: string): Start["start"] =>
    async (place) =>
      (await browser.open(page, { place })) as Report;
  return [
    { name: "page", has: EVERYTHING, start: open("page") },
    { name: "Worker", has: EVERYTHING, start: open("worker") },
    { name: "AudioWorklet", has: EVERYTHING, start: open("worklet") },
    {
      name: "page that is not isolated",
      has: { ...EVERYTHING, shares: false },
      start: open("open"),
    },
    {
      name: "page whose policy forbids wasm",
      has: { ...EVERYTHING, wasm: "forbidden" },
      start: open("strict"),
    },
  ];
}
