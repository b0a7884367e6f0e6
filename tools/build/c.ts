// engine/*.ts → dist/native/heapwright.c: one file of portable C that needs no other but heapwright.h beside it. It has the seam
// for C (engine/memory/c/memory.h), what tools/build/c/translate.ts makes of the engine, and the front (bindings/native/front.c).

import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { type File, translate } from "./c/translate.ts";

const OUTPUT = "dist/native";
const HEADER = "bindings/native/heapwright.h";
const SEAM = "engine/memory/c/memory.h";
const FRONT = "bindings/native/front.c";

/** The engine without its wasm names, and the inspector; each file imports only from those before it. */
const FILES = [
  "errors",
  "control",
  "block",
  "bins",
  "map",
  "growth",
  "blocks",
  "classes",
  "slabs",
  "heap",
  "inspect/walk",
  "inspect/check",
];

/** Offset of the control block, a multiple of 64. The members of `struct hw_heap` have room below it. */
const HEAP = 128;

/** What a request runs through most of the time: a compiler may not see that it is worth copying. */
const HOT = ["enter", "allocate", "allocateSlot", "deallocate", "freeSlot", "entryOf", "isInside"];

/** What is long or seldom run stays out of line, so that the common paths are short and save few registers. */
const COLD = [
  "enterAgain",
  "allocateSmall",
  "allocateLarge",
  "allocateNew",
  "allocateSlab",
  "allocateFromReleased",
  "allocateFromSparseSlabs",
  "allocateLargerSlot",
  "deallocateBlock",
  "freeOutside",
  "freeSlotSlowly",
  "pointerError",
  "noStartError",
  "growTop",
  "splitSparse",
  "corrupt",
];

/** The libraries for Linux, which include heapwright.c. */
const LIBRARIES = ["process.c", "libheapwright.c", "libheapwright.h", "libheapwright-malloc.c"];

/** Writes heapwright.c, and puts what includes it and what it includes beside it. */
export function buildC(): void {
  mkdirSync(OUTPUT, { recursive: true });
  writeFileSync(
    `${OUTPUT}/heapwright.c`,
    heapwrightC({ CHECKED: false, PINNED: false, SHARED: false }),
  );
  copyFileSync(HEADER, `${OUTPUT}/heapwright.h`);
  for (const name of LIBRARIES) copyFileSync(`bindings/native/${name}`, `${OUTPUT}/${name}`);
}

/** The text of heapwright.c with these constants of the seam. */
export function heapwrightC(constants: Readonly<Record<string, boolean>>): string {
  const header = readFileSync(HEADER, "utf8");
  const seam = readFileSync(SEAM, "utf8");
  const front = readFileSync(FRONT, "utf8");
  const files = FILES.map((name): File => {
    const path = `engine/${name}.ts`;
    return { name: path, text: readFileSync(path, "utf8") };
  });
  const control = Number(/ends, at (\d+)$/m.exec(files[1]!.text)?.[1]);
  const fixed = { heap: HEAP, first: HEAP + control };
  const { members, code } = translate({
    files,
    seam,
    constants,
    fixed,
    roots: new Set(front.match(/\b(?:hw|HW)_\w+/g)),
    taken: new Set(header.match(/\bhw_\w+/g)),
    known: new Map(
      [...header.matchAll(/\b(HW_\w+) = (\d+)/g)].map(([, name, value]) => [name!, Number(value)]),
    ),
    cold: COLD,
    hot: HOT,
  });
  return `${banner(control)}
struct hw_heap {
${members}#ifdef HW_OWN_MEMORY
  HW_OWN_MEMORY
#else
  u32 end; // of the memory
  bool (*grow)(hw_heap *heap, size_t bytes);
  void (*shrink)(hw_heap *heap, size_t bytes);
#endif
};

_Static_assert(sizeof(struct hw_heap) <= HW_HEAP, "the control block follows the members");

// ${SEAM} ${"=".repeat(116 - SEAM.length)}

${seam}
${code}
// ${FRONT} ${"=".repeat(116 - FRONT.length)}

${front}`;
}

function banner(control: number): string {
  return `// heapwright.c: a memory allocator in one file, for C11 or later. heapwright.h, beside it, has its functions.
//
//     cc -O2 -c heapwright.c
//
// Made by tools/build/c.ts of heapwright from engine/*.ts, whose comments, names and order it keeps: don't change it, change those.
// Licence: MIT, https://opensource.org/license/mit. SPDX-License-Identifier: MIT
//
// How to read it: an address is an offset, in bytes, from the start of the heap's memory, where \`struct hw_heap\` is. The control
// block follows at HW_HEAP, then blocks and slabs. Words are unsigned, so sums wrap. Where comments name a function \`top()\` or
// a constant GRANULE, the C names are \`hw_top\` and HW_GRANULE; a name that heapwright.h has is \`hw_allocate_\` inside. The file
// goes up in layers, and a function calls what is above it, or what is in its own part:
//
//     memory.h     the seam: loads, stores, bits; where the memory ends
//     errors.ts    error codes                          blocks.ts    split, coalesce, resize; the top block
//     control.ts   the control block                    classes.ts   size classes
//     block.ts     a block's header, footer, links      slabs.ts     small objects without headers
//     bins.ts      free blocks by size                  heap.ts      validation, and the allocation ladder
//     map.ts       from an address to its block         inspect/     walks a heap, and proves its invariants
//     growth.ts    the program break                    front.c      the functions of heapwright.h

#include "heapwright.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef int32_t i32;
typedef uint32_t u32;
typedef uint64_t u64;

/** The control block, and the first block behind it. */
#define HW_HEAP ${HEAP}u
#define HW_FIRST (HW_HEAP + ${control}u)

/** The start of the memory: what the engine remembers of the heap. */`;
}
