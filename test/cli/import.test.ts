/** `heapwright import`: small recordings of each format, and what is said about what they lack. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import { expect, test } from "vitest";

import { traceSource } from "../../trace/read.ts";
import { callsOf } from "../trace/traces.ts";
import { fileOf, folder, good, heapwright, outcome, start } from "./run-cli.ts";

/** The ops with thread, innermost-first stack and milliseconds. */
async function opsOf(path: string): Promise<string[]> {
  const calls = await callsOf(traceSource(path));
  return calls.map(({ text, thread, stack, time }) => {
    const frames = stack.map(({ name, place }) => `${name} ${place}`.trim());
    return [text, thread, frames.join(" < "), time / 1e6].join(" | ");
  });
}

async function imported(
  name: string,
  content: string | Uint8Array,
): Promise<{ ops: string[]; err: string }> {
  const output = join(folder, `${name}.rep.gz`);
  const { code, out, err } = await heapwright("import", fileOf(name, content), "-o", output);
  expect({ code, out }, err).toEqual({ code: 0, out: "" });
  return { ops: await opsOf(output), err };
}

const raw = `v 10400 3
x 8 /no/such
X ./such
I 1000 5e2919
m 1 -
m 1 x 562445f55000 0 738 1000 245
m e /no/lib such.so 7fb59e46d000 0 25388 26000 1550fc
t 562445f560c0 0
t 7fb59e494304 1
+ 64 2 562467e0c1d0
+ 65 2 562467e0c330
c 1f
- 562467e0c1d0
+ 1388 1 562467e0c1d0
- 999
R 3ad
`;

const rawOps = [
  "a 0 100 | 0 | lib such.so+0x27303 < such+0x10bf | 0",
  "a 1 101 | 0 | lib such.so+0x27303 < such+0x10bf | 0",
  "f 0 | 0 |  | 31",
  "a 2 5000 | 0 | such+0x10bf | 31",
];

test("heaptrack, gzipped, and from standard input", async () => {
  expect((await imported("raw.gz", gzipSync(raw))).ops).toEqual(rawOps);
  const output = join(folder, "stdin.rep");
  const child = start(["import", "-", "-o", output]);
  child.stdin!.end(raw);
  expect((await outcome(child)).code).toBe(0);
  expect(await opsOf(output)).toEqual(rawOps);
});

/** A recording, the ops of its trace, and parts of what the command prints. */
test.each<[string, string, string, string[], (string | RegExp)[]]>([
  [
    "heaptrack, raw",
    "raw",
    raw,
    rawOps,
    [
      /raw\.rep\.gz: 4 ops of heaptrack \(raw\), 2 call sites, \d+ B\n/,
      "no threads, alignments",
      "1 free of blocks allocated before the recording began: left out\n",
    ],
  ],
  [
    "heaptrack, interpreted, with inlined functions",
    "interpreted",
    `v 10400 3
X ./m
I 1000 5e2919
s 4 /a/m
s 4 main
s 6 my m.c
s 7 inlined
i 55af392e71c5 1 2 3 a
t 1 0
i 55af392e71a0 1 4 3 4 2 3 5
t 2 1
i 55af392e71b0 1
t 3 1
a 64 2
a 32 3
+ 0
+ 0
c 10
+ 1
- 0
# the end
`,
    [
      "a 0 100 | 0 | inlined my m.c:4 < main my m.c:5 < main my m.c:10 | 0",
      "a 1 100 | 0 | inlined my m.c:4 < main my m.c:5 < main my m.c:10 | 0",
      "a 2 50 | 0 | m < main my m.c:10 | 16",
      "f 1 | 0 |  | 16",
    ],
    ["does not say which block was freed"],
  ],
  [
    "mtrace, with reallocs and the names of callers",
    "mtrace.txt",
    `= Start
@ ./m:[0x11a1] + 0x55accf0174a0 0x64
@ ./m:(main+0x12)[0x11b2] + 0x55accf017510 0x65
@ ./m:[0x11f6] < 0x55accf0174a0
@ ./m:[0x11f6] > 0x55accf0185f0 0x1388
@ ./m:[0x1206] - 0x55accf0185f0
@ ./m:[0x1206] - 0x1
= End
`,
    [
      "a 0 100 | 0 | m+0x11a1 | 0",
      "a 1 101 | 0 | main | 0",
      "r 0 5000 | 0 | m+0x11f6 | 0",
      "f 0 | 0 |  | 0",
    ],
    ["mtrace records no threads"],
  ],
  [
    "ltrace, with processes and calls in two parts",
    "ltrace.txt",
    `app->malloc(100)                                 = 0x5581a0
app->calloc(3, 20) = 0x5581b0
puts("malloc(7)") = 3
[pid 77] libx.so->realloc(0x5581a0, 5000 <unfinished ...>
[pid 78] malloc(9)  = 0x5581c0
[pid 77] <... realloc resumed> )  = 0x5581d0
[pid 78] free(0x5581c0) = <void>
free(nil) = <void>
aligned_alloc(64, 128) = 0x5581e0
malloc(1000000) = nil
+++ exited (status 0) +++
`,
    [
      "a 0 100 | 0 | app | 0",
      "z 1 60 | 0 | app | 0",
      "a 2 9 | 2 |  | 0",
      "r 0 5000 | 1 | libx.so | 0",
      "f 2 | 2 |  | 0",
      "f -1 | 0 |  | 0",
      "m 3 128 64 | 0 |  | 0",
    ],
    ["ltrace records no stack"],
  ],
])("%s", async (_, name, content, expected, said) => {
  const { ops, err } = await imported(name, content);
  expect(ops).toEqual(expected);
  for (const each of said) expect(err).toMatch(each);
});

test("zstd, where Node has it; elsewhere it says what to do", async () => {
  const file = fileOf("raw.zst", Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 0));
  const { code, err } = await heapwright("import", file, "-o", join(folder, "zst.rep"));
  expect(code).toBe(2);
  const [major, minor] = process.versions.node.split(".").map(Number) as [number, number];
  if (major > 22 || (major === 22 && minor >= 15)) expect(err).toMatch(/^heapwright: cannot read/);
  else expect(err).toMatch(/which Node 2\d\..* cannot read.*zstd -dc .*\| heapwright import -/);
});

test("reports what it cannot read, and leaves no output", async () => {
  const output = join(folder, "none.rep");
  const trace = await heapwright("import", good, "-o", output);
  expect(trace).toMatchObject({ code: 2, out: "" });
  expect(trace.err).toMatch(
    /good\.rep:1: found "0", expected a recording of heaptrack, mtrace or ltrace\n/,
  );
  const broken = fileOf("broken.txt", "= Start\n@ ./m:[0x1] + 0x10 0x64\nwhat is this\n");
  expect((await heapwright("import", broken, "-o", output)).err).toContain(
    'broken.txt:3: found "what is this", expected a line of mtrace',
  );
  const missing = await heapwright("import", join(folder, "missing"), "-o", output);
  expect(missing.err).toMatch(/cannot read .*missing: no such file/);
  expect(() => readFileSync(output)).toThrow("ENOENT");
});
