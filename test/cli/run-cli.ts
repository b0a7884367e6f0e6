/** Runs the built command, and the traces that its tests give it. */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import { afterAll, expect } from "vitest";

export const CLI = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
export const folder = mkdtempSync(join(tmpdir(), "heapwright-cli-"));
afterAll(() => rmSync(folder, { recursive: true }));

export function fileOf(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

export const good = fileOf("good.rep", "0\n2\n4\n1\na 0 100\na 1 200\nf 0\nf 1\n");
export const packed = fileOf("packed.rep.gz", gzipSync(readFileSync(good)));
export const bad = fileOf("bad.rep", "0\n2\n4\n1\na 0 100\na 1 200\nf 0\nf 7\n");
export const bundled = ["cc1", "nginx", "sqlite"].map((name) =>
  fileURLToPath(new URL(`../../trace/recorded/${name}.rep.gz`, import.meta.url)),
);
export const large = fileOf("large.rep", "0\n2\n3\n1\na 0 100\na 1 9000000\nf 1\n");

export interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export function start(
  args: readonly string[],
  node: readonly string[] = [],
  more: NodeJS.ProcessEnv = {},
): ChildProcess {
  // A C locale and no colours, wherever the tests run.
  const env = { PATH: process.env["PATH"], LANG: "C", ...more };
  return spawn(process.execPath, [...node, CLI, ...args], { env });
}

/** Runs the command as if standard output and standard error were terminals of this width. */
export async function onTerminal(columns: number, ...args: string[]): Promise<Outcome> {
  const script = `for (const each of [process.stdout, process.stderr]) Object.assign(each, { isTTY: true, columns: ${columns} })`;
  const child = start(args, ["--import", `data:text/javascript,${encodeURIComponent(script)}`]);
  child.stdin!.end();
  return outcome(child);
}

/** Text without the codes that colour it and move the cursor. */
export function withoutCodes(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replaceAll(/\x1b(\[[\d;]*[A-Za-z]|[78])/g, "");
}

export async function outcome(child: ChildProcess): Promise<Outcome> {
  const closed = new Promise<number | null>((resolve) => child.on("close", resolve));
  const [out, err, code] = await Promise.all([text(child.stdout!), text(child.stderr!), closed]);
  return { code, out, err };
}

export async function heapwright(...args: string[]): Promise<Outcome> {
  const child = start(args);
  child.stdin!.end();
  return outcome(child);
}

export function jsonLines(out: string): Record<string, unknown>[] {
  expect(out.endsWith("\n")).toBe(true);
  return out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
