/**
 * The runtimes and bundlers, from npm: tools/package.json and its lock file pin them, apart from the project's own, since
 * they take a gigabyte. They are fetched once.
 */

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync } from "node:zlib";
import { npm, run } from "./commands.ts";

const TOOLS = fileURLToPath(new URL("tools/", import.meta.url));
const PACKAGES = join(TOOLS, "node_modules");
/** What is made on the way. */
export const OUT = fileURLToPath(new URL("out/", import.meta.url));

const PLATFORM = `${process.platform}-${process.arch}`;

/** A program that runs JavaScript. */
export interface Program {
  readonly path: string;
  readonly version: string;
  readonly env: Record<string, string>;
}

/** A program, or why there is none and what to do about it. */
export type Tool = Program | { readonly missing: string };

/** Fetches what is pinned, if it is not there; what went wrong with that, and what to do. */
export async function fetchTools(tell: (text: string) => void): Promise<string | undefined> {
  const stamp = join(PACKAGES, ".fetched");
  const lock = readFileSync(join(TOOLS, "package-lock.json"));
  const wanted = createHash("sha256").update(lock).digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return undefined;
  tell("fetching runtimes and bundlers from npm, once; they take 1.1 GB");
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  try {
    await npm(["ci", ...flags], TOOLS, true);
    writeFileSync(stamp, wanted);
    return undefined;
  } catch (error) {
    return `${(error as Error).message} in ${TOOLS}: run it again with a network, for what follows`;
  }
}

export function isFetched(name: string): boolean {
  return existsSync(join(PACKAGES, name));
}

/** A Node of a major version: the pinned one, else the one that runs this. */
export async function node(major: number): Promise<Tool> {
  const pinned = join(PACKAGES, `node${major}-${PLATFORM}`, "bin", executable("node"));
  if (existsSync(pinned)) return started(pinned);
  if (process.versions.node.startsWith(`${major}.`)) return started(process.execPath);
  return { missing: `no Node ${major} for ${PLATFORM} was fetched: run this by a Node ${major}` };
}

export async function bun(): Promise<Tool> {
  const platform = PLATFORM.replace("win32", "windows").replace("arm64", "aarch64");
  return pinnedOrInstalled("bun", join(PACKAGES, "@oven", `bun-${platform}`, "bin"));
}

export async function deno(): Promise<Tool> {
  const libc = process.platform === "linux" ? "-glibc" : "";
  return pinnedOrInstalled("deno", join(PACKAGES, "@deno", PLATFORM + libc));
}

async function pinnedOrInstalled(name: string, folder: string): Promise<Tool> {
  const pinned = join(folder, executable(name));
  return started(existsSync(pinned) ? pinned : name);
}

const INSTALLED_CHROMIUM = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/** The one that CHROMIUM names, else the pinned one, which is for Linux on x64, else one that is installed. */
export async function chromium(): Promise<Tool> {
  const { CHROMIUM } = process.env;
  if (CHROMIUM) return started(CHROMIUM);
  const packed = join(PACKAGES, "@sparticuz/chromium/bin");
  if (PLATFORM === "linux-x64" && existsSync(packed)) return unpackedChromium(packed);
  const installed = INSTALLED_CHROMIUM.find((path) => existsSync(path));
  if (installed !== undefined) return started(installed);
  return { missing: "there is no Chromium: install one, or set CHROMIUM to its path" };
}

/** The package has the program and the libraries that a server may lack, compressed. */
async function unpackedChromium(packed: string): Promise<Tool> {
  const { version } = JSON.parse(readFileSync(join(packed, "../package.json"), "utf8")) as {
    version: string;
  };
  const folder = join(OUT, `chromium-${version}`);
  const path = join(folder, "chromium");
  if (!existsSync(path)) {
    mkdirSync(folder, { recursive: true });
    const unpack = (name: string): Buffer => brotliDecompressSync(readFileSync(join(packed, name)));
    writeFileSync(join(folder, "libraries.tar"), unpack("al2023.tar.br"));
    await run("tar", ["-xf", "libraries.tar"], { cwd: folder });
    writeFileSync(`${path}.part`, unpack("chromium.br"), { mode: 0o755 });
    renameSync(`${path}.part`, path);
  }
  return started(path, { LD_LIBRARY_PATH: join(folder, "lib") });
}

/** The program, if it can be started here. */
async function started(path: string, env: Record<string, string> = {}): Promise<Tool> {
  try {
    const printed = await run(path, ["--version"], { env });
    return { path, env, version: /\d+(\.\d+)+/.exec(printed)?.[0] ?? "unknown" };
  } catch (error) {
    return { missing: `install one that starts here: ${(error as Error).message}` };
  }
}

function executable(name: string): string {
  return process.platform === "win32" ? `${name}.exe` : name;
}
