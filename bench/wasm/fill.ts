// Fills blocks, and verifies later that nothing else wrote into them. It uses the allocator's memory and has no data of its own.

/** Returns the 4 bytes for `offset` of a block filled from `seed`. None of the bytes is 0. */
function pattern(seed: u32, offset: u32): u32 {
  return ((seed + offset) * 0x9e3779b1) | 0x01010101;
}

/** Fills `bytes` bytes with the pattern of `seed`. */
export function fill(pointer: u32, bytes: u32, seed: u32): void {
  let at: u32 = 0;
  for (; at + 4 <= bytes; at += 4) store<u32>(pointer + at, pattern(seed, at));
  for (let rest = pattern(seed, at); at < bytes; at++, rest >>>= 8)
    store<u8>(pointer + at, <u8>rest);
}

/** Returns how many bytes from the start match the pattern of `seed`: `bytes` if all do. */
export function intact(pointer: u32, bytes: u32, seed: u32): u32 {
  let at: u32 = 0;
  for (; at + 4 <= bytes; at += 4) if (load<u32>(pointer + at) != pattern(seed, at)) return at;
  for (let rest = pattern(seed, at); at < bytes; at++, rest >>>= 8) {
    if (load<u8>(pointer + at) != <u8>rest) return at;
  }
  return at;
}

/** Returns how many bytes from the start are 0: `bytes` if all are. */
export function zeroes(pointer: u32, bytes: u32): u32 {
  let at: u32 = 0;
  while (at < bytes && !load<u8>(pointer + at)) at++;
  return at;
}

/** Returns the address after the last nonzero word. */
export function reach(): f64 {
  let words = (<u32>memory.size()) << 14;
  while (words && !load<u32>((words - 1) << 2)) words--;
  return <f64>words * 4;
}

/** Returns the bytes of all 4 KiB pages that contain a nonzero byte. */
export function touched(): f64 {
  let bytes: f64 = 0;
  const pages = (<u32>memory.size()) << 4;
  for (let page: u32 = 0; page < pages; page++) {
    let at: u32 = page << 12;
    const end: u32 = at + 4096;
    do {
      if (load<u32>(at)) {
        bytes += 4096;
        break;
      }
      at += 4;
    } while (at != end);
  }
  return bytes;
}
