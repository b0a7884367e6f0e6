/** What a trace's call sites allocate, in the formats of other tools. */

import { Function, Line, Location, Profile, Sample, StringTable, ValueType } from "pprof-format";

import { frameName, type CallSites, type Frame, type SiteBlocks } from "../trace/sites.ts";
import type { Usage } from "../trace/usage.ts";

/** The line of a place, such as 25 of `app.c:25`; 0 if it has none. */
function lineOf({ place }: Frame): number {
  return Number(/:(\d+)$/.exec(place)?.[1] ?? 0);
}

function fileOf({ place }: Frame): string {
  return place.replace(/:\d+$/, "");
}

/** Gives equal things equal numbers, from `first`. */
class Numbers<Thing> {
  readonly things: Thing[] = [];
  readonly #first: number;
  readonly #byKey = new Map<string, number>();

  constructor(first: number) {
    this.#first = first;
  }

  /** @param make called if the key is new */
  of(key: string, make: () => Thing): number {
    let number = this.#byKey.get(key);
    if (number === undefined) {
      number = this.things.push(make()) - 1 + this.#first;
      this.#byKey.set(key, number);
    }
    return number;
  }
}

const UNKNOWN: Frame = { name: "(unknown call site)", place: "" };

function framesOf(sites: CallSites, site: number): Frame[] {
  return site === 0 ? [UNKNOWN] : sites.stackOf(site);
}

/**
 * The profile of pprof, not gzipped. It has the four values of a Go heap profile, with what was live at the peak as the one in
 * use.
 */
export function pprof(usage: Usage): Uint8Array {
  const strings = new StringTable();
  const text = (each: string): number => strings.dedup(each);
  const functions = new Numbers<Function>(1);
  const locations = new Numbers<Location>(1);
  const values = new Map<number, [number, number, number, number]>();
  const add = (all: readonly SiteBlocks[], at: 0 | 2): void => {
    for (const { site, blocks, bytes } of all) {
      const each = values.get(site) ?? [0, 0, 0, 0];
      values.set(site, each);
      each[at] = blocks;
      each[at + 1] = bytes;
    }
  };
  add(usage.calls, 0);
  add(usage.peak.bySite, 2);
  const location = (frame: Frame): number => {
    const [filename, line] = [text(fileOf(frame)), lineOf(frame)];
    const name = text(frame.name);
    const functionId = functions.of(`${name} ${filename}`, () => {
      const id = functions.things.length + 1;
      return new Function({ id, name, systemName: name, filename });
    });
    return locations.of(`${functionId} ${line}`, () => {
      const id = locations.things.length + 1;
      return new Location({ id, line: [new Line({ functionId, line })] });
    });
  };
  const sample = [...values].map(([site, value]) => {
    return new Sample({ locationId: framesOf(usage.sites, site).map(location), value });
  });
  const type = (name: string, unit: string): ValueType =>
    new ValueType({ type: text(name), unit: text(unit) });
  const profile = new Profile({
    sampleType: [
      type("alloc_objects", "count"),
      type("alloc_space", "bytes"),
      type("inuse_objects", "count"),
      type("inuse_space", "bytes"),
    ],
    sample,
    location: locations.things,
    function: functions.things,
    durationNanos: usage.nanoseconds,
    periodType: type("space", "bytes"),
    period: 1,
    defaultSampleType: text("inuse_space"),
    stringTable: strings,
  });
  return profile.encode();
}

/** The file format of speedscope, with a profile each for the peak, the end and all calls. */
export function speedscope(usage: Usage, name: string): object {
  const frames = new Numbers<{ name: string; file?: string; line?: number }>(0);
  const numberOf = (frame: Frame): number =>
    frames.of(`${frame.name} @ ${frame.place}`, () => {
      const [file, line] = [fileOf(frame), lineOf(frame)];
      return { name: frame.name, ...(file && { file }), ...(line && { line }) };
    });
  const profile = (title: string, all: readonly SiteBlocks[]): object => ({
    type: "sampled",
    name: title,
    unit: "bytes",
    startValue: 0,
    endValue: all.reduce((sum, { bytes }) => sum + bytes, 0),
    samples: all.map(({ site }) => framesOf(usage.sites, site).map(numberOf).toReversed()),
    weights: all.map(({ bytes }) => bytes),
  });
  const profiles = [
    profile("live at the peak", usage.peak.bySite),
    profile("never freed", usage.end.bySite),
    profile("allocated in all", usage.calls),
  ];
  return {
    $schema: "https://www.speedscope.app/file-format-schema.json",
    exporter: "heapwright",
    name,
    activeProfileIndex: 0,
    profiles,
    shared: { frames: frames.things },
  };
}

interface HeapNode {
  readonly callFrame: object;
  selfSize: number;
  readonly id: number;
  readonly children: HeapNode[];
}

/** A .heapprofile of Chrome's developer tools: what was live at the peak. */
export function chrome(usage: Usage): object {
  const nodes = new Map<number, HeapNode>();
  const samples: object[] = [];
  let last = 0;
  const node = (frame: Frame, parent: HeapNode | undefined): HeapNode => {
    const made: HeapNode = {
      callFrame: {
        functionName: frame.name,
        scriptId: "0",
        url: fileOf(frame),
        // Both are numbered from 0; -1 is none.
        lineNumber: lineOf(frame) - 1,
        columnNumber: -1,
      },
      selfSize: 0,
      id: ++last,
      children: [],
    };
    parent?.children.push(made);
    return made;
  };
  const head = node({ name: "(root)", place: "" }, undefined);
  for (const { site, bytes } of usage.peak.bySite) {
    let parent = head;
    if (site === 0) parent = node(UNKNOWN, head);
    for (const at of usage.sites.chainOf(site).toReversed()) {
      let child = nodes.get(at);
      if (child === undefined) nodes.set(at, (child = node(usage.sites.frameOf(at), parent)));
      parent = child;
    }
    parent.selfSize += bytes;
    samples.push({ size: bytes, nodeId: parent.id, ordinal: samples.length + 1 });
  }
  return { head, samples };
}

/** The JSON of DHAT, version 2. Its time is counted in ops. */
export function dhat(usage: Usage, command: string): object {
  const frames = new Numbers<string>(1);
  const bySite = (all: readonly SiteBlocks[]): Map<number, SiteBlocks> =>
    new Map(all.map((each) => [each.site, each]));
  const [peak, end] = [bySite(usage.peak.bySite), bySite(usage.end.bySite)];
  const pps = usage.calls.map((each) => ({
    tb: each.bytes,
    tbk: each.blocks,
    tl: each.lifetimes,
    mb: each.mostBytes,
    mbk: each.mostBlocks,
    gb: peak.get(each.site)?.bytes ?? 0,
    gbk: peak.get(each.site)?.blocks ?? 0,
    eb: end.get(each.site)?.bytes ?? 0,
    ebk: end.get(each.site)?.blocks ?? 0,
    fs: framesOf(usage.sites, each.site).map((frame) => {
      // An address comes first: the viewer shows it, and traces have none.
      const shown = `0x0: ${frameName(frame)}`;
      return frames.of(shown, () => shown);
    }),
  }));
  return {
    dhatFileVersion: 2,
    mode: "heap",
    verb: "Allocated",
    bklt: true,
    bkacc: false,
    tu: "ops",
    Mtu: "Mop",
    tuth: 500,
    cmd: command,
    pid: 0,
    te: usage.ops,
    tg: usage.peakOp,
    pps,
    ftbl: ["[root]", ...frames.things],
  };
}
