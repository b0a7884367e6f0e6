import { Heap } from "../../src/index.ts";
import { fileOf } from "./run-cli.ts";

/**
 * A trace of which every figure differs from every other: its blocks are fullest in the middle, with a hole; it then
 * frees two and asks for one that fits in neither place.
 */
const SMALL_SIZES = Array.from({ length: 500 }, () => 1);
export const SIZES = [...SMALL_SIZES, 30_000, 20_001, 60_000, 5000, 60_000, 5000, 31_000];
const HOLE = SMALL_SIZES.length;
export const FULLEST_LIVE = SIZES.reduce((sum, size) => sum + size, 0) - SIZES[HOLE]!;
export const uneven = fileOf(
  "uneven.rep",
  [
    `0\n${SIZES.length + 1}\n${SIZES.length + 4}\n1`,
    ...SIZES.slice(0, -1).map((size, id) => `a ${id} ${size}`),
    `f ${HOLE}`,
    `a ${SIZES.length - 1} ${SIZES.at(-1)}`,
    `f ${HOLE + 2}`,
    `f ${HOLE + 4}`,
    `a ${SIZES.length} 100000\n`,
  ].join("\n"),
);

/** The figures of that trace, from the calls themselves and a walk, on a heap without margin and slabs. */
export function unevenFigures(engine: "wasm" | "js") {
  const heap = new Heap({ engine, margin: 0, small: 0 });
  const pointers = SIZES.slice(0, -1).map((size) => heap.allocate(size));
  heap.deallocate(pointers[HOLE]!);
  heap.allocate(SIZES.at(-1)!);
  const { heapBytes } = heap.stats();
  const bytesOf = (kind: string): number =>
    [...heap.walk()].reduce((sum, each) => sum + (each.kind === kind ? each.size : 0), 0);
  const [used, free] = [bytesOf("used"), bytesOf("free")];
  heap.deallocate(pointers[HOLE + 2]!);
  heap.deallocate(pointers[HOLE + 4]!);
  heap.allocate(100_000);
  const { peakHeapBytes, breakMoves } = heap.stats();
  return {
    peakHeapBytes,
    breakMoves,
    utilisation: FULLEST_LIVE / peakHeapBytes,
    internalFragmentation: (used - FULLEST_LIVE) / peakHeapBytes,
    externalFragmentation: free / peakHeapBytes,
    overhead: (heapBytes - used - free) / peakHeapBytes,
    beyondFullest: (peakHeapBytes - heapBytes) / peakHeapBytes,
    fullestHeapBytes: heapBytes,
  };
}

export const rounded = (share: number): number => Number(share.toFixed(4));
