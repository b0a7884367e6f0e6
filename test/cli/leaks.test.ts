/** `heapwright leaks` and `heapwright stats`: the reports, and what they count. */

import { expect, test } from "vitest";

import { bad, fileOf, good, heapwright, jsonLines, onTerminal, withoutCodes } from "./run-cli.ts";
import { widthOf } from "./runs.ts";

const leaky = fileOf(
  "leaky.rep",
  [
    ...["0", "6", "10", "1"],
    ...["s 1 0 main @ app.c:10", "s 2 1 load @ app.c:25", "s 3 1 print @ app.c:31"],
    ...["a 0 1000 @2", "a 1 1000 @2", "z 2 5000 @3 +2000000000", "f 2", "t 1", "a 3 24"],
    ...["r 1 3000 @3", "f -1", "m 4 100 64 @1", "f 4", "a 5 8 @1 +1000000000", ""],
  ].join("\n"),
);

test("leaks lists call sites with their stacks, most bytes first", async () => {
  const { code, out, err } = await heapwright("leaks", leaky);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toBe(
    `leaky.rep: 3.9 KiB in 4 blocks never freed, of 6 allocations

2.9 KiB in 1 block
  print  app.c:31
  main  app.c:10

1.0 KiB in 1 block
  load  app.c:25
  main  app.c:10

24 B in 1 block
  unknown call site

8 B in 1 block
  main  app.c:10
`,
  );
});

test("--top and --frames shorten the report, and it says so", async () => {
  const { out } = await heapwright("leaks", leaky, "--top", "1", "--frames", "1");
  expect(out).toContain("  print  app.c:31\n  1 more frame\n");
  expect(out).toContain("\n1.0 KiB at 3 more call sites. To list them: --top 4\n");
  expect(out).not.toContain("load");
});

test("leaks of a program that frees all", async () => {
  const { out } = await heapwright("leaks", good);
  expect(out).toBe("good.rep: every block was freed, of 2 allocations\n");
});

test("stats counts ops, threads, time, sizes, the peak and the end", async () => {
  const { code, out } = await heapwright("stats", leaky);
  expect(code).toBe(0);
  expect(out).toContain(`ops          10 of 2 threads, in 3 s
calls        6 allocations, 1 reallocation, 2 frees
sizes        9.9 KiB in all, median 1.0 KiB, largest 4.9 KiB
peak         6.8 KiB in 3 blocks, after op 3
never freed  3.9 KiB in 4 blocks
call sites   3
`);
  expect(out).toMatch(/At the peak\n.*\n.*\n *4\.9 KiB +71\.4% +1 +print < main\n *2.0 KiB +28/);
  expect(out).toMatch(/Allocated in all\n.*\n.*\n *7\.8 KiB +79\.\d% +2 +print < main\n/);
  expect(widthOf(withoutCodes((await onTerminal(60, "stats", leaky)).out))).toBeLessThanOrEqual(60);
});

test("stats of a trace without call sites has no tables", async () => {
  const { out } = await heapwright("stats", good);
  expect(out).toContain("call sites   none in this trace\n");
  expect(out).not.toContain("At the peak");
});

test("several traces, and the same figures as JSON", async () => {
  const lines = jsonLines((await heapwright("stats", "--json", leaky, good)).out);
  expect(lines).toMatchObject([
    {
      ...{ trace: leaky, ops: 10, threads: 2, nanoseconds: 3e9, allocations: 6, frees: 2 },
      ...{ reallocations: 1, medianSize: 1000, largestSize: 5000, allocatedBytes: 10132 },
      ...{ peakBytes: 7000, peakBlocks: 3, peakAtOp: 3, endBytes: 4032, endBlocks: 4 },
    },
    { trace: good, callSites: 0 },
  ]);
  const [leaks] = jsonLines((await heapwright("leaks", "--json", "--top", "1", leaky)).out);
  expect(leaks).toMatchObject({
    ...{ blocks: 4, bytes: 4032, callSites: 4 },
    sites: [
      {
        ...{ blocks: 1, bytes: 3000 },
        stack: [
          { function: "print", place: "app.c:31" },
          { function: "main", place: "app.c:10" },
        ],
      },
    ],
  });
});

test("an invalid trace and an invalid option", async () => {
  const invalid = await heapwright("leaks", good, bad);
  expect(invalid).toMatchObject({ code: 2, out: "" });
  expect(invalid.err).toContain(`${bad}:8: found "f 7"`);
  expect((await heapwright("stats", "--top", "0", good)).code).toBe(2);
});
