/** `heapwright export`: each format, read by its tool's own parser, schema or viewer. */

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Session, type HeapProfiler } from "node:inspector";
import { join } from "node:path";
import { createContext, runInContext } from "node:vm";
import { gunzipSync } from "node:zlib";

import { Ajv } from "ajv";
import { Profile } from "pprof-format";
import { expect, test } from "vitest";

import { fileOf, folder, heapwright } from "./run-cli.ts";

const trace = fileOf(
  "app.rep",
  [
    ...["0", "5", "9", "1"],
    ...["s 1 0 main @ app.c:10", "s 2 1 load @ app.c:25", "s 3 1 print"],
    ...["a 0 1000 @2 +5000", "a 1 1000 @2", "z 2 5000 @3 +2000", "f 2", "t 1", "a 3 24"],
    ...["r 1 3000 @3", "f -1", "m 4 100 64 @1", "f 4 +3000", ""],
  ].join("\n"),
);

async function exported(format: string): Promise<Buffer> {
  const output = join(folder, `out.${format}`);
  expect(await heapwright("export", trace, "--format", format, "-o", output)).toEqual({
    ...{ code: 0, out: "", err: "" },
  });
  return readFileSync(output);
}

test("pprof", async () => {
  const profile = Profile.decode(gunzipSync(await exported("pprof")));
  const text = (at: number | bigint): string => profile.stringTable.strings[Number(at)]!;
  expect(profile.sampleType.map(({ type, unit }) => `${text(type)} ${text(unit)}`)).toEqual([
    "alloc_objects count",
    "alloc_space bytes",
    "inuse_objects count",
    "inuse_space bytes",
  ]);
  const samples = profile.sample.map(({ locationId, value }) => {
    const frames = locationId.map((id) => {
      const [line] = profile.location.find((each) => each.id === id)!.line;
      const its = profile.function.find((each) => each.id === line!.functionId)!;
      return `${text(its.name)} ${text(its.filename)}:${line!.line}`;
    });
    return `${frames.join(" < ")}: ${value.join(" ")}`;
  });
  expect(samples).toEqual([
    "print :0 < main app.c:10: 2 8000 1 5000",
    "load app.c:25 < main app.c:10: 2 2000 2 2000",
    "main app.c:10: 1 100 0 0",
    "(unknown call site) :0: 1 24 0 0",
  ]);
});

const go = ["go", "/usr/lib/go-1.19/bin/go"].find(
  (name) => spawnSync(name, ["version"]).status === 0,
);

test.skipIf(go === undefined)("pprof, by go tool pprof", async () => {
  await exported("pprof");
  const args = ["tool", "pprof", "-top", "-unit=B", join(folder, "out.pprof")];
  const { status, stdout } = spawnSync(go!, args, { encoding: "utf8" });
  expect(status).toBe(0);
  expect(stdout).toContain("Type: inuse_space");
  expect(stdout).toMatch(/5000B 71\.43% 71\.43% +5000B 71\.43% +print/);
});

test("speedscope, by its schema", async () => {
  const file = JSON.parse((await exported("speedscope")).toString()) as {
    profiles: { name: string; samples: number[][]; weights: number[] }[];
    shared: { frames: { name: string }[] };
  };
  const require = createRequire(import.meta.url);
  const schema = require("speedscope/dist/release/file-format-schema.json") as object;
  const validate = new Ajv({ strict: false }).compile(schema);
  expect(validate(file), JSON.stringify(validate.errors)).toBe(true);
  const [peak, end, all] = file.profiles.map(({ samples, weights }) =>
    samples.map((stack, i) => [
      stack.map((at) => file.shared.frames[at]!.name).join(" > "),
      weights[i],
    ]),
  );
  expect(peak).toEqual([
    ["main > print", 5000],
    ["main > load", 2000],
  ]);
  expect(end).toContainEqual(["main > print", 3000]);
  expect(all).toContainEqual(["(unknown call site)", 24]);
});

test("chrome, with the properties of a profile of V8", async () => {
  const session = new Session();
  session.connect();
  session.post("HeapProfiler.startSampling");
  const real = await new Promise<HeapProfiler.SamplingHeapProfile>((resolve) => {
    session.post("HeapProfiler.stopSampling", (_, { profile }) => resolve(profile));
  });
  session.disconnect();
  const ours = JSON.parse((await exported("chrome")).toString()) as typeof real & {
    samples: object[];
  };
  const keys = (of: object): string[] => Object.keys(of).toSorted();
  expect(keys(ours.head)).toEqual(keys(real.head));
  expect(keys(ours.head.callFrame)).toEqual(keys(real.head.callFrame));
  expect(ours.samples[0]).toEqual({ size: 5000, nodeId: expect.any(Number), ordinal: 1 });
  const [main] = ours.head.children;
  expect(main!.callFrame).toMatchObject({ functionName: "main", url: "app.c", lineNumber: 9 });
  expect(main!.children.map((each) => [each.callFrame.functionName, each.selfSize])).toEqual([
    ["print", 5000],
    ["load", 2000],
  ]);
});

test("dhat: totals, maxima, lifetimes in ops, peak and end", async () => {
  const file = JSON.parse((await exported("dhat")).toString()) as {
    te: number;
    tg: number;
    pps: { fs: number[] }[];
    ftbl: string[];
  };
  expect(file).toMatchObject({ dhatFileVersion: 2, bklt: true, bkacc: false, te: 9, tg: 3 });
  const [print, load] = file.pps;
  expect(print).toMatchObject({
    ...{ tb: 8000, tbk: 2, tl: 1 + 3, mb: 5000, mbk: 1, gb: 5000, gbk: 1, eb: 3000, ebk: 1 },
  });
  expect(load).toMatchObject({ tb: 2000, tbk: 2, tl: 8 + 4, mb: 2000, mbk: 2, eb: 1000, ebk: 1 });
  expect(load!.fs.map((at) => file.ftbl[at])).toEqual([
    "0x0: load (app.c:25)",
    "0x0: main (app.c:10)",
  ]);
});

const viewer = "/usr/libexec/valgrind/dh_view.js";

test.skipIf(!existsSync(viewer))("dhat, by the viewer's own code", async () => {
  const file = (await exported("dhat")).toString();
  // Its page is not there: every element is one that accepts all.
  const element: object = new Proxy(() => {}, {
    get: (_, name) => (name === Symbol.toPrimitive ? () => 0 : element),
    set: () => true,
    apply: () => element,
  });
  const context = createContext({ document: element, file });
  const script = `${readFileSync(viewer, "utf8")}
    gSelect = { childNodes: gSelectData.map(() => ({})), selectedIndex: 0 };
    gData = JSON.parse(file);
    buildTree();
    gRoot._totalBytes;`;
  expect(runInContext(script, context)).toBe(10124);
});

test("csv", async () => {
  const rows = (await exported("csv")).toString().trimEnd().split("\n");
  expect(rows[0]).toBe("ops,nanoseconds,live_bytes,live_blocks,most_live_bytes");
  expect(rows.slice(3, 5)).toEqual(["3,7000,7000,3,7000", "4,7000,2000,2,2000"]);
  expect(rows.at(-1)).toBe("9,10000,4024,3,4024");
  const lines = Array.from({ length: 25_001 }, (_, i) => `a ${i} 1`);
  const long = fileOf("long.rep", `0\n25001\n25001\n1\n${lines.join("\n")}\n`);
  const output = join(folder, "long.csv");
  await heapwright("export", long, "--format", "csv", "-o", output);
  const longRows = readFileSync(output, "utf8").trimEnd().split("\n");
  expect(longRows.length).toBeLessThanOrEqual(10_001);
  expect(longRows.at(-1)).toBe("25001,0,25001,25001,25001");
});

test("reports a format it does not know, and a file it cannot write", async () => {
  const unknown = await heapwright("export", trace, "--format", "xml", "-o", join(folder, "x"));
  expect(unknown).toMatchObject({ code: 2, err: expect.stringContaining("pprof, speedscope") });
  const output = join(folder, "no", "such", "folder");
  const refused = await heapwright("export", trace, "--format", "csv", "-o", output);
  expect(refused).toMatchObject({ code: 2, err: expect.stringContaining("cannot write") });
});
