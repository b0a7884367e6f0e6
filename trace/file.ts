/**
 * Traces written to a file while they are made.
 *
 * The header comes first but is known last. So a line of blanks keeps its place, and is overwritten at the end. In a
 * gzipped file the header and each piece are gzip members of their own, which readers join.
 */

import { closeSync, openSync, unlinkSync, writeSync } from "node:fs";
import { constants, gzipSync } from "node:zlib";

import type { OpChunk } from "./ops.ts";
import type { CallSites } from "./sites.ts";
import { TraceLines } from "./write.ts";

/** Characters of the header, padded with blanks: four lines with a number each. */
const HEADER_LENGTH = 64;

/** A trace on its way into a file, gzipped if the name ends in `.gz`. Errors of the file system are thrown as they are. */
export class TraceFile {
  readonly path: string;
  readonly #file: number;
  readonly #lines: TraceLines;
  readonly #gzip: boolean;
  /** Bytes written so far. */
  bytes = 0;

  /** @param sites the call sites that the ops name; it may grow while the trace is written */
  constructor(path: string, sites?: CallSites) {
    this.path = path;
    this.#gzip = path.endsWith(".gz");
    this.#lines = new TraceLines(sites);
    this.#file = openSync(path, "w");
    this.bytes = this.#header().length;
  }

  write(chunk: OpChunk): void {
    const text = Buffer.from(this.#lines.next(chunk));
    this.#append(this.#gzip ? gzipSync(text) : text);
  }

  /** Writes the header, and closes the file. */
  end(): void {
    writeSync(this.#file, this.#header(), 0, undefined, 0);
    closeSync(this.#file);
  }

  /** Closes the file and deletes it: what was to be written could not be read. */
  abandon(): void {
    closeSync(this.#file);
    unlinkSync(this.path);
  }

  #append(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length;) {
      const written = writeSync(this.#file, bytes, from, undefined, this.bytes);
      from += written;
      this.bytes += written;
    }
  }

  /** Always of the same length. */
  #header(): Uint8Array {
    const { ids, ops } = this.#lines;
    const text = Buffer.from(`0\n${ids}\n${ops}\n1`.padEnd(HEADER_LENGTH - 1) + "\n");
    return this.#gzip ? gzipSync(text, { level: constants.Z_NO_COMPRESSION }) : text;
  }
}
