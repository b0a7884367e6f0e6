// The driver replays a trace inside wasm and calls the allocator's exports directly. It has no data of its own, so it can use a
// separate memory or the allocator's.
//
//   an op, 8 bytes      | id << 8 | log2(alignment) << 3 | kind | size in bytes |
//   kind                0 malloc  1 calloc  2 memalign  3 realloc  4 free
//   the table           one pointer (4 bytes) per id
//
// Every replay runs the operations from `op` to `end`. It returns `end`, or the address of the operation that got no memory.

declare function malloc(bytes: usize): usize;
declare function calloc(count: usize, bytes: usize): usize;
declare function memalign(alignment: usize, bytes: usize): usize;
declare function realloc(pointer: usize, bytes: usize): usize;
declare function free(pointer: usize): void;
/** Milliseconds since an arbitrary time. */
declare function now(): f64;

/** The sum of what the touching replay read, so that its reads are not optimised away. */
export let read: u32 = 0;

// The dispatch is repeated in every loop, because a call would add to the measured time.

/** Returns the alignment of a memalign, in bytes. */
function alignmentOf(word: u32): usize {
  return 1 << ((word >>> 3) & 31);
}

/** Replays without touching: blocks are neither read nor written. */
export function replay(op: usize, end: usize, table: usize): usize {
  while (op < end) {
    const word = load<u32>(op);
    const slot = table + ((word >>> 8) << 2);
    const kind = word & 7;
    if (kind == 4) {
      free(load<usize>(slot));
    } else {
      const size = load<u32>(op, 4);
      let pointer: usize;
      if (kind == 0) pointer = malloc(size);
      else if (kind == 3) pointer = realloc(load<usize>(slot), size);
      else if (kind == 1) pointer = calloc(1, size);
      else pointer = memalign(alignmentOf(word), size);
      if (!pointer) return op;
      store<usize>(slot, pointer);
    }
    op += 8;
  }
  return op;
}

/** Replays and touches blocks, as a program does: writes the first and last word of each new block, reads the first before a free. */
export function replayTouching(op: usize, end: usize, table: usize): usize {
  let sum: u32 = 0;
  while (op < end) {
    const word = load<u32>(op);
    const slot = table + ((word >>> 8) << 2);
    const kind = word & 7;
    if (kind == 4) {
      const pointer = load<usize>(slot);
      sum += load<u32>(pointer);
      free(pointer);
    } else {
      const size = load<u32>(op, 4);
      let pointer: usize;
      if (kind == 0) pointer = malloc(size);
      else if (kind == 3) {
        pointer = load<usize>(slot);
        sum += load<u32>(pointer);
        pointer = realloc(pointer, size);
      } else if (kind == 1) pointer = calloc(1, size);
      else pointer = memalign(alignmentOf(word), size);
      if (!pointer) return op;
      store<usize>(slot, pointer);
      store<u32>(pointer, size);
      if (size >= 8) store<u32>(pointer + ((size - 4) & -4), size);
    }
    op += 8;
  }
  read = sum;
  return op;
}

/** Replays and times each stretch of `stretch` bytes of operations. Stores its milliseconds (8 bytes) at `samples`. */
export function replayTimed(
  op: usize,
  end: usize,
  table: usize,
  samples: usize,
  stretch: usize,
): usize {
  while (op < end) {
    const to = op + stretch < end ? op + stretch : end;
    const start = now();
    const stop = replay(op, to, table);
    store<f64>(samples, now() - start);
    if (stop != to) return stop;
    op = to;
    samples += 8;
  }
  return op;
}

/** Returns a typical size: 80% are up to 128 bytes, 19% up to 512 bytes, 1% up to 2 KiB. */
function sizeFrom(random: u32): u32 {
  const share = random % 100;
  return 1 + ((random >>> 8) & (share < 80 ? 127 : share < 99 ? 511 : 2047));
}

/** Returns the next random word (xorshift). */
function following(random: u32): u32 {
  random ^= random << 13;
  random ^= random >>> 17;
  return random ^ (random << 5);
}

/** Allocates `count` blocks of random sizes into the table. Returns how many it got. */
export function populate(table: usize, count: u32, seed: u32): u32 {
  let random = seed;
  for (let i: u32 = 0; i < count; i++) {
    random = following(random);
    const pointer = malloc(sizeFrom(random));
    if (!pointer) return i;
    store<usize>(table + (i << 2), pointer);
  }
  return count;
}

/** Replaces a random one of `count` live blocks by a block of another size, `rounds` times. Returns the number of replacements. */
export function churn(table: usize, count: u32, rounds: u32, seed: u32): u32 {
  let random = seed;
  for (let i: u32 = 0; i < rounds; i++) {
    random = following(random);
    const slot = table + ((random % count) << 2);
    free(load<usize>(slot));
    random = following(random);
    const pointer = malloc(sizeFrom(random));
    if (!pointer) return i;
    store<usize>(slot, pointer);
  }
  return rounds;
}

/** Reads `rounds` random words of the first `bytes` bytes. Each address depends on the word before, so reads cannot overlap. */
export function wander(bytes: u32, rounds: u32, seed: u32): u32 {
  let random = seed;
  for (let i: u32 = 0; i < rounds; i++)
    random = following(random + load<u32>((random % bytes) & -4));
  return random;
}
