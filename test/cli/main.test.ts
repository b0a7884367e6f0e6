/** The command as a whole: help, mistyped arguments, and output that is closed or cannot be written. */

import { spawn } from "node:child_process";
import { openSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";

import { describe, expect, test } from "vitest";

import { CLI, folder, good, heapwright, large, onTerminal, outcome, start } from "./run-cli.ts";
import { widthOf } from "./runs.ts";

/** The command alone, and each verb. */
const VERBS = [
  "",
  "replay",
  "compare",
  "report",
  "link",
  "record",
  "leaks",
  "stats",
  "export",
  "instrument",
  "import",
].map((verb) => (verb === "" ? [] : [verb]));

describe("heapwright", () => {
  test.each(VERBS)("%s --help and --version", async (...verb) => {
    const help = await heapwright(...verb, "--help");
    expect(help).toMatchObject({ code: 0, err: "" });
    expect(help.out).toContain(`Usage: heapwright ${verb.join("")}`);
    expect(help.out).toContain(`\nExamples:\n  heapwright ${verb[0] ?? "replay"} `);
    expect(help.out).not.toMatch(/default: \[|undefined/);
    const [options, more] = help.out.split("\nExamples:\n");
    expect(widthOf(options!)).toBeLessThanOrEqual(80);
    expect(widthOf(more!)).toBeLessThanOrEqual(80);
    expect(more!.split("\n").length).toBeLessThan(60); // not one word a line
    const version = await heapwright(...verb, "--version");
    expect(version).toMatchObject({ code: 0, err: "" });
    expect(version.out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test.each(VERBS)("%s --help on a terminal of 50 columns", async (...verb) => {
    const { out } = await onTerminal(50, ...verb, "--help");
    const examples = /\nExamples:\n( {2}.*\n)+/.exec(out)![0];
    expect(widthOf(out.replace(examples, "\n"))).toBeLessThanOrEqual(50);
  });

  test("colours: by the terminal, the environment, or an option before or after the verb", async () => {
    const coloured = async (args: string[], env: NodeJS.ProcessEnv = {}): Promise<boolean> => {
      const child = start(args, [], env);
      child.stdin!.end();
      const { code, out } = await outcome(child);
      expect(code).toBe(0);
      return out.includes("\x1b[1m");
    };
    for (const verb of ["replay", "compare"]) {
      expect(await coloured([verb, good])).toBe(false);
      expect(await coloured([verb, good], { FORCE_COLOR: "1" })).toBe(true);
      expect(await coloured(["--color", verb, good], { NO_COLOR: "1" })).toBe(true);
      expect(await coloured([verb, good, "--color"])).toBe(true);
      expect(await coloured([verb, "--no-color", good], { FORCE_COLOR: "1" })).toBe(false);
      expect(await coloured(["--no-color", verb, good], { FORCE_COLOR: "1" })).toBe(false);
      expect((await onTerminal(80, verb, good)).out).toContain("\x1b[1m");
      expect((await onTerminal(80, verb, good, "--no-color")).out).not.toContain("\x1b[1m");
    }
    const link = await heapwright("link", "--no-color", join(folder, "none.wasm"), "-o", "x");
    expect(link.err).toContain("none.wasm");
  }, 60_000);

  test.each([
    [[], "Usage: heapwright"],
    [["play"], "heapwright: unknown command 'play'"],
    [["replya"], "(Did you mean replay?)"],
    [["compar", good], "(Did you mean compare?)"],
    [["linc"], "(Did you mean link?)"],
    [["replay", "--jsno", good], "(Did you mean --json?)"],
    [["compare", "--no-colr", good], "(Did you mean --no-color?)"],
    [["link", "--optimize", "s", good, "-o", "x"], "(Did you mean --optimise?)"],
    [["replay"], "heapwright: missing required argument 'trace'"],
    [["replay", "--fast", good], "heapwright: unknown option '--fast'"],
    [["replay", "--engine", "steam", good], "Allowed choices are wasm, js, auto."],
    [["replay", "--memory", "core", good], "Allowed choices are wasm, shared, arraybuffer"],
    [["replay", "--margin", "much", good], "'much' is invalid. Expected a number of bytes"],
    [["replay", "--limit", "5G", good], "'5G' is invalid. Expected a number of bytes up to 4G"],
    [["replay", "--limit", "4095", good], "'4095' is invalid. Expected at least 4K."],
    [["replay", "--small", "1009", good], "Expected at most 1008 bytes, or auto."],
    [["compare", "--small", "0,2K", good], "Expected at most 1008 bytes, or auto."],
    [["report", "--small", "0,2K", good], "Expected at most 1008 bytes, or auto."],
    [["replay", "--check", "0", good], "'0' is invalid. Expected a number of ops, 1 or more."],
    [["replay", "-", good, "-"], "Standard input can be named once."],
    [["compare", "-", "-"], "Standard input can be named once."],
    [["compare", "--fit", "best,worst", good], "Allowed choices are best, first, next."],
  ])("%j: the message says what is wrong", async (args, message) => {
    const { code, out, err } = await heapwright(...args);
    expect(code).toBe(2);
    expect(out).toBe("");
    expect(err).toContain(message);
  });

  test.each(["arraybuffer", "resizable", "sharedarraybuffer", "growable"])(
    "WebAssembly in a memory of kind %s: the message names the options to change",
    async (memory) => {
      const args = ["--engine", "wasm", "--memory", memory, good];
      expect(await heapwright("replay", ...args)).toEqual({
        code: 2,
        out: "",
        err: `heapwright: --engine wasm cannot use --memory ${memory}. Use --engine js or auto, or --memory wasm or shared\n`,
      });
    },
  );

  test("a memory that the platform refuses: the message names the options to change", async () => {
    const args = ["--memory", "arraybuffer", "--limit", "4G", good];
    const refuse = `globalThis.ArrayBuffer = class { constructor() { throw new RangeError("too large"); } }`;
    const child = start(
      ["replay", ...args],
      ["--import", `data:text/javascript,${encodeURIComponent(refuse)}`],
    );
    child.stdin!.end();
    expect(await text(child.stderr!)).toBe(
      "heapwright: cannot create a memory of kind arraybuffer: too large. Use a smaller --limit\n",
    );
  });

  test("a closed pipe is not an error", async () => {
    const child = start(["replay", good]);
    child.stdin!.end();
    child.stdout!.destroy();
    const closed = new Promise<number | null>((resolve) => child.on("close", resolve));
    expect(await text(child.stderr!)).toBe("");
    expect(await closed).toBe(0);
  });

  test("output that cannot be written is an error of one line, and of the exit status", async () => {
    // Open for reading only.
    const closed = openSync(good, "r");
    const end = (args: readonly string[], out: "pipe" | number, err: "pipe" | number) =>
      spawn(process.execPath, [CLI, ...args], { stdio: ["ignore", out, err] });
    for (const args of [["replay", good], ["compare", good], ["--help"], ["replay", "--help"]]) {
      const child = end(args, closed, "pipe");
      const code = new Promise((resolve) => child.on("close", resolve));
      expect(await text(child.stderr!)).toMatch(
        /^heapwright: cannot write to standard output: EBADF[^\n]*\n$/,
      );
      expect(await code).toBe(2);
    }
    for (const [args, code] of [
      [["replay", join(folder, "none.rep")], 2],
      [["replay", "--fast", good], 2],
      [["replay", "--limit", "1M", large], 1],
    ] as const) {
      const child = end(args, "pipe", closed);
      child.stdout!.resume();
      expect(await new Promise((resolve) => child.on("close", resolve))).toBe(code);
    }
  });

  test("if standard error is closed, the exit status still reports the error", async () => {
    const child = start(["replay", join(folder, "none.rep")]);
    child.stdin!.end();
    child.stderr!.destroy();
    child.stdout!.resume();
    expect(await new Promise((resolve) => child.on("close", resolve))).toBe(2);
  });
});
