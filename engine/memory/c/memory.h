// The seam, for C: what the engine may ask of a memory. `hw` is the start of the memory, and an address of the engine is an
// offset from there. A program that keeps its heap elsewhere defines HW_OWN_MEMORY, and the last four functions.

#if defined(__GNUC__)
typedef u32 __attribute__((may_alias)) hw_word;
typedef u64 __attribute__((may_alias)) hw_bits;
#define HW_INLINE static inline __attribute__((always_inline, unused))
#define HW_COLD __attribute__((noinline))
#else
#define HW_INLINE static inline
#define HW_COLD
#endif

#ifndef HW_TRAP
#define HW_TRAP(hw) abort()
#endif

HW_INLINE char *hw_at(const hw_heap *hw, u32 address) {
  return (char *)(uintptr_t)hw + address;
}

#if defined(__GNUC__)

HW_INLINE u32 hw_load32(const hw_heap *hw, u32 address) {
  return *(const hw_word *)hw_at(hw, address);
}

HW_INLINE void hw_store32(hw_heap *hw, u32 address, u32 value) {
  *(hw_word *)hw_at(hw, address) = value;
}

#else

HW_INLINE u32 hw_load32(const hw_heap *hw, u32 address) {
  u32 value;
  memcpy(&value, hw_at(hw, address), sizeof value);
  return value;
}

HW_INLINE void hw_store32(hw_heap *hw, u32 address, u32 value) {
  memcpy(hw_at(hw, address), &value, sizeof value);
}

#endif

HW_INLINE u32 hw_load8(const hw_heap *hw, u32 address) {
  return (unsigned char)*hw_at(hw, address);
}

HW_INLINE void hw_store8(hw_heap *hw, u32 address, u32 value) {
  *hw_at(hw, address) = (char)(unsigned char)value;
}

HW_INLINE void hw_zero(hw_heap *hw, u32 address, u32 bytes) {
  memset(hw_at(hw, address), 0, bytes);
}

HW_INLINE void hw_copy(hw_heap *hw, u32 to, u32 from, u32 bytes) {
  memmove(hw_at(hw, to), hw_at(hw, from), bytes);
}

// Bits of words.

#if defined(__GNUC__)

/** Leading zero bits; 32 for 0. */
HW_INLINE u32 hw_leadingZeros(u32 word) {
  return word == 0 ? 32u : (u32)__builtin_clz(word);
}

/** Trailing zero bits; 32 for 0. */
HW_INLINE u32 hw_trailingZeros(u32 word) {
  return word == 0 ? 32u : (u32)__builtin_ctz(word);
}

#else

/** Leading zero bits; 32 for 0. */
HW_INLINE u32 hw_leadingZeros(u32 word) {
  u32 count = 0;
  while (count < 32 && (word & (0x80000000u >> count)) == 0) count++;
  return count;
}

/** Trailing zero bits; 32 for 0. */
HW_INLINE u32 hw_trailingZeros(u32 word) {
  return word == 0 ? 32u : 31u - hw_leadingZeros(word & (0u - word));
}

#endif

// 64 bits at an address that is a multiple of 8: bit 0 is the lowest one of the first word.

#if defined(__GNUC__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__

HW_INLINE u64 hw_load64(const hw_heap *hw, u32 address) {
  return *(const hw_bits *)hw_at(hw, address);
}

HW_INLINE void hw_store64(hw_heap *hw, u32 address, u64 bits) {
  *(hw_bits *)hw_at(hw, address) = bits;
}

#else

HW_INLINE u64 hw_load64(const hw_heap *hw, u32 address) {
  return hw_load32(hw, address) | (u64)hw_load32(hw, address + 4) << 32;
}

HW_INLINE void hw_store64(hw_heap *hw, u32 address, u64 bits) {
  hw_store32(hw, address, (u32)bits);
  hw_store32(hw, address + 4, (u32)(bits >> 32));
}

#endif

/** Number of the lowest set bit of `bits`; 64 if there is none. */
HW_INLINE u32 hw_lowest(u64 bits) {
#if defined(__GNUC__)
  return bits == 0 ? 64u : (u32)__builtin_ctzll(bits);
#else
  u32 low = hw_trailingZeros((u32)bits);
  return low != 32 ? low : 32 + hw_trailingZeros((u32)(bits >> 32));
#endif
}

/** Number of the lowest clear bit; 64 if there is none. */
HW_INLINE u32 hw_firstClear(const hw_heap *hw, u32 address) {
  return hw_lowest(~hw_load64(hw, address));
}

/** Sets the lowest clear bit, which is number `bit`. */
HW_INLINE void hw_setFirstClear(hw_heap *hw, u32 address, u32 bit) {
  (void)bit;
  const u64 bits = hw_load64(hw, address);
  hw_store64(hw, address, bits | (bits + 1));
}

/** Number of the lowest set bit; 64 if there is none. */
HW_INLINE u32 hw_firstSet(const hw_heap *hw, u32 address) {
  return hw_lowest(hw_load64(hw, address));
}

/** Number of the lowest set bit from number `bit` on, at most 64; 64 if there is none. */
HW_INLINE u32 hw_nextSet(const hw_heap *hw, u32 address, u32 bit) {
  return bit == 64 ? 64u : hw_lowest(hw_load64(hw, address) >> bit << bit);
}

/** How many of the 64 bits are set. */
HW_INLINE u32 hw_bitCount(const hw_heap *hw, u32 address) {
  u32 count = 0;
  for (u64 bits = hw_load64(hw, address); bits != 0; bits &= bits - 1) count++;
  return count;
}

/** Moves each bit down by so many places, at most 64; the lowest ones are lost. */
HW_INLINE void hw_shiftBits(hw_heap *hw, u32 address, u32 count) {
  hw_store64(hw, address, count == 64 ? 0 : hw_load64(hw, address) >> count);
}

HW_INLINE bool hw_hasBit(const hw_heap *hw, u32 address, u32 bit) {
  return (hw_load64(hw, address) >> (bit & 63) & 1) != 0;
}

/** Whether bit number `bit` is set; and, unless `alone` is 1, another one too. */
HW_INLINE bool hw_hasBitAndMore(const hw_heap *hw, u32 address, u32 bit, u32 alone) {
  const u64 bits = hw_load64(hw, address);
  // Flipped, a bit that was set leaves less.
  return (bits ^ (u64)1 << (bit & 63)) - (1 - alone) < bits;
}

HW_INLINE void hw_flipBit(hw_heap *hw, u32 address, u32 bit) {
  hw_store64(hw, address, hw_load64(hw, address) ^ (u64)1 << (bit & 63));
}

// Errors.

/** With CHECKED: the engine has a bug unless `holds`. */
HW_INLINE void hw_assertThat(bool holds) {
  if (!holds) abort();
}

/** Does not return: the heap's metadata was overwritten. */
HW_INLINE void hw_trap(hw_heap *hw) {
  (void)hw;
  HW_TRAP(hw);
}

/** Views are a matter of JavaScript. */
HW_INLINE void hw_refresh(hw_heap *hw) {
  (void)hw;
}

// Where the memory ends.

#ifdef HW_OWN_MEMORY

static u32 hw_memoryEnd(hw_heap *hw);
static bool hw_growTo(hw_heap *hw, u32 end);
static bool hw_canShrink(const hw_heap *hw);
static void hw_shrinkTo(hw_heap *hw, u32 end);

#else

/** The end of the memory in bytes, a multiple of 16. If other code may move it, HW_NOTE_END notes where it is. */
static u32 hw_memoryEnd(hw_heap *hw) {
#ifdef HW_NOTE_END
  HW_NOTE_END(hw);
#endif
  return hw->end;
}

/** Makes the memory reach at least to `end`; false, and nothing changed, if that is impossible. */
static bool hw_growTo(hw_heap *hw, u32 end) {
  if (end <= hw->end) return true;
  if (hw->grow == NULL || !hw->grow(hw, end)) return false;
  hw->end = end;
  return true;
}

/** Whether memory can be returned. */
static bool hw_canShrink(const hw_heap *hw) {
  return hw->shrink != NULL;
}

/** Returns the memory from `end` on. */
static void hw_shrinkTo(hw_heap *hw, u32 end) {
  hw->end = end;
  hw->shrink(hw, end);
}

#endif
