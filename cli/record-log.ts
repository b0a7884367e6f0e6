/** What the recorder logged (see bindings/native/record.c), as a trace. */

import { closeSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";

import { TraceFile } from "../trace/file.ts";
import { CALLOC, MALLOC, MEMALIGN } from "../trace/ops.ts";
import { Recording, type Repairs } from "../trace/recording.ts";
import { CallSites } from "../trace/sites.ts";
import { framesOf, type Module } from "./symbols.ts";

const HEADER_BYTES = 64;
const EVENT_BYTES = 24;
const BLOCK_EVENTS = 2 ** 16;

/** Events, as the recorder numbers them. */
const Event = {
  malloc: 1,
  calloc: 2,
  aligned: 3,
  free: 4,
  freeNull: 5,
  reallocFrom: 6,
  reallocTo: 7,
  reallocNull: 8,
} as const;

/** Kinds of entries in the file of stacks. */
const STACK = 1;
const MODULE = 2;

interface Converted {
  readonly ops: number;
  readonly threads: number;
  readonly sites: number;
  readonly repairs: Repairs;
  /** Bytes of the trace's file. */
  readonly traceBytes: number;
}

/** The number of events in a log. */
export function eventsOf(calls: string): number {
  const file = openSync(calls, "r");
  try {
    return Math.min(takenOf(file), (fstatSync(file).size - HEADER_BYTES) / EVENT_BYTES);
  } finally {
    closeSync(file);
  }
}

/**
 * Converts a log. Cost: linear; the stacks and the live blocks are held in memory.
 * @param calls the file of calls; that of the stacks is beside it
 * @param onProgress called with the number of events so far
 */
export function convertLog(
  calls: string,
  output: string,
  onProgress: (events: number) => void,
): Converted {
  const sites = new CallSites();
  const siteAt = readStacks(calls.replace(/calls$/, "stacks"), sites);
  const trace = new TraceFile(output, sites);
  const recording = new Recording((chunk) => trace.write(chunk));
  const pending = new Map<number, { id: number; from: number }>();
  let threads = 0;
  let events = 0;
  for (const { bytes, count } of blocks(calls)) {
    for (let i = 0; i < count; i += 1) {
      const at = i * EVENT_BYTES;
      const low = bytes.getUint32(at, true);
      const event = (low >>> 8) & 0xff;
      // A thread ended between the number of its event and the event itself.
      if (event === 0) continue;
      const address = (low >>> 16) + bytes.getUint32(at + 4, true) * 2 ** 16;
      const sizeLow = bytes.getUint32(at + 8, true);
      const size = (sizeLow >>> 24) + bytes.getUint32(at + 12, true) * 2 ** 8;
      const thread = sizeLow & 0xffffff;
      const milliseconds = bytes.getUint32(at + 20, true);
      threads = Math.max(threads, thread + 1);
      recording.thread = thread;
      recording.site = siteAt.get(bytes.getUint32(at + 16, true)) ?? 0;
      // Threads may log in another order than they read the clock in.
      recording.time = Math.max(recording.time, milliseconds * 1e6);
      switch (event) {
        case Event.malloc:
        case Event.reallocNull:
          recording.allocate(MALLOC, address, size);
          break;
        case Event.calloc:
          recording.allocate(CALLOC, address, size);
          break;
        case Event.aligned:
          recording.allocate(MEMALIGN, address, size, 2 ** (low & 0xff));
          break;
        case Event.free:
          recording.free(address);
          break;
        case Event.freeNull:
          recording.freeNull();
          break;
        case Event.reallocFrom:
          pending.set(thread, { id: recording.beginReallocate(address), from: address });
          break;
        case Event.reallocTo: {
          const { id, from } = pending.get(thread) ?? { id: -1, from: 0 };
          pending.delete(thread);
          recording.endReallocate(id, from, address, size);
          break;
        }
      }
    }
    events += count;
    onProgress(events);
  }
  recording.end();
  trace.end();
  return {
    ops: recording.ops,
    threads,
    sites: sites.count,
    repairs: recording.repairs,
    traceBytes: trace.bytes,
  };
}

function takenOf(file: number): number {
  const header = Buffer.alloc(HEADER_BYTES);
  readSync(file, header, 0, HEADER_BYTES, 0);
  return header.toString("latin1", 0, 8) === "HWREC001" ? Number(header.readBigUInt64LE(8)) : 0;
}

function* blocks(calls: string): Generator<{ bytes: DataView; count: number }> {
  const file = openSync(calls, "r");
  try {
    const buffer = new Uint8Array(BLOCK_EVENTS * EVENT_BYTES);
    const bytes = new DataView(buffer.buffer);
    for (let left = takenOf(file), at = HEADER_BYTES; left > 0;) {
      const wanted = Math.min(left, BLOCK_EVENTS) * EVENT_BYTES;
      const read = readSync(file, buffer, 0, wanted, at);
      const count = Math.floor(read / EVENT_BYTES);
      if (count === 0) return;
      yield { bytes, count };
      left -= count;
      at += count * EVENT_BYTES;
    }
  } finally {
    closeSync(file);
  }
}

/** Adds the call sites of all stacks. @returns the call site of the stack at each place in the file */
function readStacks(path: string, sites: CallSites): Map<number, number> {
  const bytes = readFileSync(path);
  const words = new Float64Array(Math.floor(bytes.length / 8));
  for (let i = 0; i < words.length; i += 1) {
    words[i] = bytes.readUInt32LE(8 * i) + bytes.readUInt32LE(8 * i + 4) * 2 ** 32;
  }
  const stacks: { at: number; count: number }[] = [];
  const modules: Module[] = [];
  const addresses = new Set<number>();
  for (let at = 1; at < words.length;) {
    const kind = bytes.readUInt32LE(8 * at + 4);
    const count = bytes.readUInt32LE(8 * at);
    if (kind === STACK) {
      stacks.push({ at, count });
      for (let i = at + 1; i <= at + count; i += 1) addresses.add(words[i]!);
    } else if (kind === MODULE) {
      const text = bytes.toString("utf8", 8 * (at + 4), 8 * (at + 1 + count));
      const [start, end, offset] = [words[at + 1]!, words[at + 2]!, words[at + 3]!];
      modules.push({ start, end, offset, path: text.replace(/\0.*$/s, "") });
    } else {
      // The end, or an entry that was never finished: the next one begins at the next header.
      at += 1;
      continue;
    }
    at += 1 + count;
  }
  const frames = framesOf(addresses, modules);
  const siteAt = new Map<number, number>();
  for (const { at, count } of stacks) {
    let site = 0;
    for (let i = at + count; i > at; i -= 1) site = sites.ofStack(frames.get(words[i]!)!, site);
    siteAt.set(at, site);
  }
  return siteAt;
}
