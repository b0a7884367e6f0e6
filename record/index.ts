/**
 * Records the allocations of a heap or of WebAssembly modules, as a trace for `heapwright report` and `heapwright leaks`.
 *
 * @module heapwright/record
 */

export { record, type RecordedHeap } from "./heap.ts";
export type { Recorder, RecordOptions } from "./recorder.ts";
export { recordWasm } from "./wasm.ts";
