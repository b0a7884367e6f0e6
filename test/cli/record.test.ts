/** `heapwright record` on small C programs. Skipped where there is no Linux with glibc and a C compiler. */

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { beforeAll, describe, expect, test } from "vitest";

import { traceSource } from "../../trace/read.ts";
import { callsOf, type Call } from "../trace/traces.ts";
import { folder, heapwright, outcome, start, type Outcome } from "./run-cli.ts";

const program = join(folder, "recorded");
const cache = join(folder, "cache");

const canRecord =
  process.platform === "linux" &&
  spawnSync("cc", ["-x", "c", "-", "-o", join(folder, "glibc")], {
    input: "#include <gnu/libc-version.h>\nint main(void) { return 0; }",
  }).status === 0;

async function record(name: string, ...args: string[]): Promise<Outcome> {
  const child = start(["record", "-o", join(folder, name), ...args], [], { XDG_CACHE_HOME: cache });
  child.stdin!.end();
  return outcome(child);
}

interface Op extends Omit<Call, "stack"> {
  /** Names of the functions, from the innermost out. */
  readonly stack: string[];
  readonly place: string;
}

async function opsOf(name: string): Promise<Op[]> {
  const calls = await callsOf(traceSource(join(folder, name)));
  return calls.map(({ stack, ...call }) => ({
    ...call,
    stack: stack.map((frame) => frame.name),
    place: stack[0]?.place ?? "",
  }));
}

/** The ops with these sizes, and the frees of their blocks, without ids. */
function shapes(ops: readonly Op[], sizes: readonly number[]): string[] {
  const ids = new Set<string>();
  return ops.flatMap(({ text }) => {
    const [kind, id, size, ...rest] = text.split(" ");
    if (size !== undefined && sizes.includes(Number(size))) ids.add(id!);
    else if (kind !== "f" || !ids.delete(id!)) return [];
    return [[kind, size, ...rest].filter(Boolean).join(" ")];
  });
}

describe.skipIf(!canRecord)("record", () => {
  beforeAll(() => {
    const source = fileURLToPath(new URL("recorded.c", import.meta.url));
    const args = ["-g", "-O1", "-fno-builtin", source, "-o", program, "-lpthread"];
    expect(spawnSync("cc", args, { encoding: "utf8" })).toMatchObject({ status: 0, stderr: "" });
  });

  test("the whole family of malloc, in order", async () => {
    const { code, err } = await record("family.rep.gz", "--", program, "family");
    expect(err).toMatch(/family\.rep\.gz: \d+ ops of 1 thread, \d+ call sites, [\d.]+ K?i?B\n/);
    expect(code).toBe(0);
    const ops = await opsOf("family.rep.gz");
    const sizes = [10001, 3000, 512, 100, 50001, 77];
    expect(shapes(ops, sizes)).toEqual([
      "a 10001",
      "z 3000",
      "m 512 256",
      "m 100 4096",
      "r 50001",
      "a 77",
      "a 77",
      "f",
      "f",
      "f",
      "f",
      "f",
      "f",
    ]);
    expect(ops.filter(({ text }) => text === "f -1")).not.toHaveLength(0);
  });

  test("call stacks with lines, and times", async () => {
    const ops = await opsOf("family.rep.gz");
    const op = ops.find(({ text }) => text.endsWith(" 10001"))!;
    expect(op.stack.slice(0, 3)).toEqual(["inner", "outer", "main"]);
    expect(op.place).toMatch(/recorded\.c:\d+$/);
    const times = ops.map(({ time }) => time);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    const { code, out } = await heapwright("replay", "--check", "1", join(folder, "family.rep.gz"));
    expect({ code, failures: out.includes("failures") }).toEqual({ code: 0, failures: false });
  });

  test("each thread", async () => {
    expect((await record("threads.rep", "--", program, "threads")).err).toContain("of 2 threads");
    const ops = await opsOf("threads.rep");
    const first = ops.find(({ text }) => text.endsWith(" 20001"))!;
    const second = ops.find(({ text }) => text.endsWith(" 20002"))!;
    expect([first.thread, second.thread]).toEqual([0, 1]);
    expect(second.stack.slice(0, 3)).toEqual(["inner", "outer", "in_thread"]);
    const [, id] = first.text.split(" ");
    expect(ops.find(({ text }) => text === `f ${id}`)!.thread).toBe(1);
  });

  test("deep stacks up to --depth", async () => {
    await record("deep.rep", "--depth", "200", "--", program, "deep");
    const { stack } = (await opsOf("deep.rep")).find(({ text }) => text.endsWith(" 31337"))!;
    expect(stack.filter((name) => name === "recursive").length).toBeGreaterThanOrEqual(100);
    expect(stack).toContain("main");
    await record("deep.rep", "--depth", "5", "--", program, "deep");
    const cut = (await opsOf("deep.rep")).find(({ text }) => text.endsWith(" 31337"))!;
    expect(cut.stack).toHaveLength(5);
  });

  test.each([
    ["crash", 30001, 139],
    ["kill", 30002, 137],
  ])("a program that ends by %s", async (what, size, status) => {
    const { code } = await record("end.rep", "--", program, what);
    expect(code).toBe(status);
    const ops = await opsOf("end.rep");
    expect(ops.at(-1)).toMatchObject({ text: expect.stringMatching(new RegExp(` ${size}$`)) });
  });

  test("child processes only with --children", async () => {
    await record("parent.rep", "--", program, "fork");
    const alone = (await opsOf("parent.rep")).map(({ text }) => text.split(" ")[2]);
    expect(alone).toEqual(expect.arrayContaining(["40001", "40003"]));
    expect(alone).not.toContain("40002");
    const family = join(folder, "family");
    mkdirSync(family);
    await record("family/all.rep", "--children", "--", program, "fork");
    const names = readdirSync(family);
    expect(names).toHaveLength(2);
    const child = names.find((name) => name !== "all.rep")!;
    const ops = await opsOf(`family/${child}`);
    const op = ops.find(({ text }) => text.endsWith(" 40002"))!;
    expect(op.stack.slice(0, 3)).toEqual(["inner", "outer", "main"]);
    expect(ops.some(({ text }) => text.endsWith(" 40001"))).toBe(false);
  });

  test("a program that another one executes", async () => {
    await record("sh.rep", "--", "sh", "-c", `exec ${program} family`);
    const op = (await opsOf("sh.rep")).find(({ text }) => text.endsWith(" 10001"))!;
    expect(op.stack[0]).toBe("inner");
  });

  test("the exit status is the program's, and its output its own", async () => {
    expect(await record("exit.rep", "--", "sh", "-c", "echo out; exit 7")).toMatchObject({
      code: 7,
      out: "out\n",
    });
  });

  test("reports what it cannot record", async () => {
    const missing = join(folder, "missing");
    expect(await record("none.rep", "--", missing)).toMatchObject({
      code: 2,
      err: `heapwright: ${missing}: no such program\n`,
    });
    const child = start(["record", "-o", join(folder, "none.rep"), "--", "true"], [], {
      CC: "no-such-compiler",
      XDG_CACHE_HOME: join(folder, "empty"),
    });
    const { code, err } = await outcome(child);
    expect(code).toBe(2);
    expect(err).toMatch(/^heapwright: no C compiler \(no-such-compiler\).*apt-get install gcc/);
    expect(existsSync(join(folder, "none.rep"))).toBe(false);
  });
});
