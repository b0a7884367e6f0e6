// The driver replays a trace inside wasm: it calls the allocator's exports directly, instance to instance, and keeps no
// data of its own, so that it can live in a memory of its own or as a guest in the allocator's.
//
//   an op, 8 bytes      | id << 8 | log2(alignment) << 3 | kind | size in bytes |
//   kind                0 malloc  1 calloc  2 memalign  3 realloc  4 free
//   the table           one pointer (4 bytes) for each id
//
// Every function takes the ops from `op` up to `end`, and answers where it stopped: `end`, or the op that got no memory.

declare function malloc(bytes: usize): usize;
declare function calloc(count: usize, bytes: usize): usize;
declare function memalign(alignment: usize, bytes: usize): usize;
declare function realloc(pointer: usize, bytes: usize): usize;
declare function free(pointer: usize): void;
/** Milliseconds since some start. */
declare function now(): f64;

/** What the touching replay has read, so that its reads are not optimised away. */
export let read: u32 = 0;

// The dispatch below is written out in every loop: a call in between would be measured with the rest.

/** The alignment of a memalign, in bytes. */
function alignmentOf(word: u32): usize {
  return 1 << ((word >>> 3) & 31);
}

/** The allocator alone: blocks are neither read nor written. */
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

/** As a program feels it: first and last word written when a block comes, the first one read before it goes. */
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

/** By the clock, `stretch` bytes of ops at a time; `samples` gets the milliseconds of each stretch, 8 bytes. */
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

/** A size as small programs ask for: 4 of 5 up to 128 bytes, 1 of 100 up to 2 KiB, the rest up to 512 bytes. */
function sizeFrom(random: u32): u32 {
  const share = random % 100;
  return 1 + ((random >>> 8) & (share < 80 ? 127 : share < 99 ? 511 : 2047));
}

/** The next state of a generator of random words (xorshift). */
function following(random: u32): u32 {
  random ^= random << 13;
  random ^= random >>> 17;
  return random ^ (random << 5);
}

/** Takes `count` blocks of random sizes into the table; answers how many it got. */
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

/** `rounds` times: frees one of `count` live blocks, picked at random, and takes one of another size in its place. */
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

/** Reads `rounds` words of the first `bytes` bytes, each where the one before it sends it: what a random access costs. */
export function wander(bytes: u32, rounds: u32, seed: u32): u32 {
  let random = seed;
  for (let i: u32 = 0; i < rounds; i++)
    random = following(random + load<u32>((random % bytes) & -4));
  return random;
}
