/**
 * Where traces come from: files, gzip'd or not, and standard input.
 *
 * A trace is read while it is used. What is held is a block of the file, a block of its text and the parser's chunk.
 */

import { createReadStream, statSync } from "node:fs";
import { Readable, pipeline, type Duplex } from "node:stream";
import { createGunzip } from "node:zlib";

import { TraceError } from "./error.ts";
import type { OpChunk, TraceHeader } from "./ops.ts";
import { TraceParser } from "./parse.ts";
import type { CallSites } from "./sites.ts";

/** Bytes of a trace, gzip'd or not, and the name that errors carry. `bytes` starts them from the beginning. */
export interface TraceSource {
  readonly file: string;
  /** Whether they can be read more than once. */
  readonly rereadable: boolean;
  readonly bytes: () => AsyncIterable<Uint8Array>;
}

/** A trace whose header has been read. Its ops can be read once. */
export interface Trace {
  readonly file: string;
  readonly header: TraceHeader;
  /** The call sites that the chunks so far name; all of the trace's once `chunks` has ended. */
  readonly sites: CallSites;
  /** Throws `TraceError` at the first invalid line. */
  readonly chunks: AsyncIterable<OpChunk>;
}

/** The file at `path`; `-` is standard input. That, and pipes that have a path, can be read once (see `keepSource`). */
export function traceSource(path: string): TraceSource {
  if (path === "-") return { file: "<stdin>", rereadable: false, bytes: () => process.stdin };
  return { file: path, rereadable: isFile(path), bytes: () => createReadStream(path) };
}

/** False where there is nothing that can be looked at: opening it says why. */
function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * The same source, to be read any number of times, the first time to its end: unless it can be anyway, its bytes are kept,
 * as they come.
 */
export function keepSource(source: TraceSource): TraceSource {
  if (source.rereadable) return source;
  let kept: Uint8Array[] | undefined;
  return {
    file: source.file,
    rereadable: true,
    bytes: async function* () {
      if (kept === undefined) {
        const blocks = [];
        for await (const block of source.bytes()) {
          blocks.push(block);
          yield block;
        }
        kept = blocks;
      } else {
        yield* kept;
      }
    },
  };
}

/** Reads the header. Throws `TraceError` where there is none, and where the file can't be opened. */
export async function openTrace(source: TraceSource): Promise<Trace> {
  const parser = new TraceParser(source.file);
  const parsed = parse(source, parser);
  const first = await parsed.next();
  const header = parser.header!;
  async function* chunks(): AsyncGenerator<OpChunk> {
    try {
      if (first.done !== true) yield* first.value;
      for await (const filled of parsed) yield* filled;
    } finally {
      await parsed.return();
    }
  }
  return { file: source.file, header, sites: parser.sites, chunks: chunks() };
}

/** Reads the header alone. Throws what `openTrace` throws. */
export async function readHeader(source: TraceSource): Promise<TraceHeader> {
  const parser = new TraceParser(source.file);
  const parsed = parse(source, parser);
  await parsed.next();
  await parsed.return();
  return parser.header!;
}

/** The chunks that each block of bytes filled; none is yielded before the header has been read. */
async function* parse(source: TraceSource, parser: TraceParser): AsyncGenerator<OpChunk[], void> {
  try {
    for await (const block of inflated(source.bytes())) {
      const filled = parser.push(block);
      if (parser.header !== undefined) yield filled;
    }
  } catch (error) {
    throw asTraceError(error, source.file, parser);
  }
  yield parser.end();
}

/** A stream that decompresses bytes which begin like `head`; undefined if that is not the start of gzip data. */
export function gunzipFor(head: Uint8Array): Duplex | undefined {
  return head[0] === 0x1f && head[1] === 0x8b ? createGunzip() : undefined;
}

/**
 * The bytes, decompressed if they are compressed.
 * @param streamFor Returns the stream that decompresses. It gets the first four bytes or more, or all if there are fewer.
 */
export async function* inflated(
  bytes: AsyncIterable<Uint8Array>,
  streamFor: (head: Uint8Array) => Duplex | undefined = gunzipFor,
): AsyncGenerator<Uint8Array> {
  const blocks = bytes[Symbol.asyncIterator]();
  let head: Uint8Array = new Uint8Array(0);
  while (head.length < 4) {
    const next = await blocks.next();
    if (next.done === true) break;
    head = head.length === 0 ? next.value : Buffer.concat([head, next.value]);
  }
  async function* all(): AsyncGenerator<Uint8Array> {
    try {
      yield head;
      for (let next = await blocks.next(); next.done !== true; next = await blocks.next()) {
        yield next.value;
      }
    } finally {
      await blocks.return?.();
    }
  }
  const stream = streamFor(head);
  if (stream === undefined) {
    yield* all();
    return;
  }
  // An error in either ends both, and reaches the reader of `stream`.
  pipeline(Readable.from(all()), stream, () => {});
  yield* stream;
}

function asTraceError(error: unknown, file: string, parser: TraceParser): unknown {
  const expected = "a trace: .rep, .rep.gz, or - for standard input";
  switch (error instanceof Error && "code" in error ? error.code : undefined) {
    case "ENOENT":
    case "ENOTDIR":
      return new TraceError(file, 0, "no such file", expected);
    case "EISDIR":
      return new TraceError(file, 0, "it is a folder", expected);
    case "EACCES":
    case "EPERM":
      return new TraceError(file, 0, "no permission", expected);
    case "Z_BUF_ERROR":
      return new TraceError(file, parser.line, "the end of the gzip data", "the rest of it");
    case "Z_DATA_ERROR":
      return new TraceError(
        file,
        parser.line,
        `broken gzip data (${(error as Error).message})`,
        "the rest of the trace",
      );
  }
  // Whatever else the file system has to say.
  if (error instanceof Error && "syscall" in error) {
    return new TraceError(file, 0, error.message, expected);
  }
  return error;
}
