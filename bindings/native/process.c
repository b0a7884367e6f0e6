// The heap of a Linux process: regions, each a heap of up to 4 GiB as heapwright.c has it, and mappings for large requests.
// libheapwright.c and libheapwright-malloc.c include this file and give it names.
//
//     program, data │ region 0 ───────▶ the program break │ …      mappings     │ region 1 ─▶ │ region 2 ─▶ │ reserved …
//
// Region 0 lies on the program break, and moves it by `sbrk`; others lie in one reservation of addresses, and so does region 0 if
// the break cannot move. A thread allocates from one region, which it shares with others if there are more threads than regions;
// any thread may free any block. So each region has a lock. While there is a single thread, no lock is taken.
//
// The break is moved by libc's `sbrk` alone: libc remembers where it is. Other code may move it too; memory that appears behind a
// region is a foreign region, and the heap continues behind it.

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

struct hw_heap;
static void note_break(struct hw_heap *hw);
static void die_corrupt(struct hw_heap *hw);

#define HW_NOTE_END(hw) note_break(hw)
#define HW_TRAP(hw) die_corrupt(hw)
#include "heapwright.c"

#include <dlfcn.h>
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LIKELY(condition) __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#define SLOW static __attribute__((noinline, unused))
#define FAST static inline __attribute__((always_inline, unused))

enum { MOST_REGIONS = 256, OS_PAGE = 4096, REGION_UNIT = 65536 };

/** Addresses that a region has. */
#define REGION_SPAN ((u64)1 << 32)

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

// Settings ----------------------------------------------------------------------------------------------------------------

/** Requests from this size on get a mapping of their own. It rises to the sizes of mappings that are freed. */
static size_t large_from = 256 * KIB;
static const size_t MOST_LARGE_FROM = 32 * MIB;
static bool large_is_fixed;

/** Free memory at the end of a region that is kept; the rest is returned. It doubles if that was too early. */
static size_t trim_from = 512 * KIB;
static const size_t MOST_TRIM_FROM = 64 * MIB;
static bool trim_is_fixed;

/** Regions that threads are spread over. */
static unsigned most_arenas;

/** Whether an invalid pointer ends the program, or is reported alone. */
static bool reports_only;

// Messages ----------------------------------------------------------------------------------------------------------------

/** Writes a line to standard error, without allocating. */
static __attribute__((format(printf, 1, 2))) void say(const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  const int length = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  const size_t bytes = length < (int)sizeof text ? (size_t)length : sizeof text - 1;
  if (write(STDERR_FILENO, text, bytes) < 0) return;
}

/** Reports an invalid pointer; ends the program unless it is set otherwise. */
SLOW void report_pointer(const char *call, const void *pointer, u32 code) {
  const int saved = errno;
  say("heapwright: %s in %s(%p)\n", hw_error_name((hw_error)code), call, pointer);
  if (!reports_only) abort();
  errno = saved;
}

// Locks: 0 free, 1 taken, 2 taken and waited for (Drepper, "Futexes are tricky", 2011) --------------------------------------

extern char __libc_single_threaded __attribute__((weak));

FAST bool is_alone(void) {
  return &__libc_single_threaded != NULL && __libc_single_threaded != 0;
}

static const int SPINS = 100;

SLOW void lock_slowly(int *word) {
  const int saved = errno;
  for (int i = 0; i < SPINS; i++) {
    int free_word = 0;
    if (__atomic_load_n(word, __ATOMIC_RELAXED) == 0 &&
        __atomic_compare_exchange_n(word, &free_word, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
      return;
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
  }
  while (__atomic_exchange_n(word, 2, __ATOMIC_ACQUIRE) != 0)
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
  errno = saved;
}

SLOW void wake_one(int *word) {
  const int saved = errno;
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
  errno = saved;
}

FAST void lock_now(int *word) {
  int free_word = 0;
  if (UNLIKELY(!__atomic_compare_exchange_n(word, &free_word, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)))
    lock_slowly(word);
}

FAST void unlock_now(int *word) {
  if (UNLIKELY(__atomic_exchange_n(word, 0, __ATOMIC_RELEASE) == 2)) wake_one(word);
}

/** Takes a lock if there may be another thread; returns whether it did. */
FAST bool lock(int *word) {
  if (is_alone()) return false;
  lock_now(word);
  return true;
}

FAST void unlock(int *word, bool is_locked) {
  if (is_locked) unlock_now(word);
}

// Regions -----------------------------------------------------------------------------------------------------------------

struct region {
  hw_heap *heap;
  int lock;
  /** Whether memory was returned since the heap last grew. */
  bool trimmed;
  size_t trim_from;
  /** Frees until free pages inside the heap are looked for. */
  u32 frees_left;
} __attribute__((aligned(64)));

static struct region regions[MOST_REGIONS];
static unsigned region_count;
static int regions_lock;

/** The heap on the program break; NULL if there is none. */
static hw_heap *break_heap;

/** The reservation for other regions, and how much of it is given to regions. */
static char *reservation;
static u64 reserved, reserved_used;

/** The region that this thread allocates from. */
static __thread struct region *mine __attribute__((tls_model("initial-exec")));

static char *rounded_up(const void *address, size_t unit) {
  return (char *)(((uintptr_t)address + unit - 1) & -(uintptr_t)unit);
}

static size_t pages_up(size_t bytes) {
  return (bytes + OS_PAGE - 1) & -(size_t)OS_PAGE;
}

static struct region *region_with(const hw_heap *heap) {
  for (unsigned i = 0; i < region_count; i++)
    if (regions[i].heap == heap) return &regions[i];
  return NULL;
}

static void die_corrupt(hw_heap *hw) {
  // A handler of the signal may allocate.
  struct region *region = region_with(hw);
  if (region != NULL) __atomic_store_n(&region->lock, 0, __ATOMIC_RELEASE);
  say("heapwright: corrupt heap: its metadata at %p was overwritten\n", (void *)hw);
  abort();
}

/** Keeps more free memory from now on if some was returned just before the heap grows. */
static void note_growth(const hw_heap *hw) {
  struct region *region = region_with(hw);
  if (region == NULL || !region->trimmed) return;
  region->trimmed = false;
  if (!trim_is_fixed && region->trim_from < MOST_TRIM_FROM) region->trim_from *= 2;
}

/** Notes where the program break is, which other code may have moved; makes it a multiple of 16. */
static void note_break(hw_heap *hw) {
  if (hw != break_heap) return;
  const int saved = errno;
  char *now = sbrk(0);
  if (((uintptr_t)now & 15) != 0 && sbrk(16 - (intptr_t)((uintptr_t)now & 15)) == now) now = sbrk(0);
  const u64 end = (u64)((uintptr_t)now - (uintptr_t)hw);
  hw->end = end > HW_HIGHEST_BREAK ? HW_HIGHEST_BREAK : (u32)end;
  errno = saved;
}

#ifndef HW_NO_BREAK

static bool grow_break(hw_heap *hw, size_t bytes) {
  note_growth(hw);
  const int saved = errno;
  char *now = sbrk(0);
  const intptr_t more = (char *)hw + bytes - now;
  bool grown = more <= 0;
  if (!grown) {
    char *before = sbrk(more);
    grown = before == now;
    // Another thread has moved it between the two calls.
    if (!grown && before != (char *)-1) sbrk(-more);
  }
  errno = saved;
  return grown;
}

static void shrink_break(hw_heap *hw, size_t bytes) {
  const int saved = errno;
  char *now = sbrk(0);
  const intptr_t less = now - ((char *)hw + bytes);
  if (less > 0) sbrk(-less);
  errno = saved;
}

#endif

static bool grow_reserved(hw_heap *hw, size_t bytes) {
  note_growth(hw);
  const int saved = errno;
  const size_t from = pages_up(hw->end);
  const size_t to = pages_up(bytes);
  const bool grown = to <= from || mprotect((char *)hw + from, to - from, PROT_READ | PROT_WRITE) == 0;
  errno = saved;
  return grown;
}

static void shrink_reserved(hw_heap *hw, size_t bytes) {
  const int saved = errno;
  // A growing heap makes the pages behind `bytes` accessible once more, which does no harm.
  char *from = rounded_up((char *)hw + bytes, OS_PAGE);
  char *to = rounded_up((char *)hw + hw_programBreak(hw), OS_PAGE);
  if (from < to) madvise(from, (size_t)(to - from), MADV_DONTNEED);
  errno = saved;
}

/** Reserves addresses: as many as there are, up to those of all regions. */
static bool reserve(void) {
  for (u64 bytes = REGION_SPAN * MOST_REGIONS; bytes >= 16 * MIB; bytes /= 2) {
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void *start = mmap(NULL, bytes + REGION_UNIT, PROT_NONE, flags, -1, 0);
    if (start == MAP_FAILED) continue;
    reservation = rounded_up(start, REGION_UNIT);
    reserved = bytes;
    return true;
  }
  return false;
}

/** Creates a heap on the program break, or returns NULL. */
static hw_heap *create_on_break(void) {
#ifdef HW_NO_BREAK
  return NULL;
#else
  char *now = sbrk(0);
  if (now == (char *)-1) return NULL;
  char *base = rounded_up(now, REGION_UNIT);
  if (sbrk(base - now + REGION_UNIT) != now) return NULL;
  const hw_options options = {.grow = grow_break, .shrink = shrink_break};
  break_heap = (hw_heap *)(void *)base;
  if (hw_create(base, REGION_UNIT, &options) == NULL) break_heap = NULL;
  return break_heap;
#endif
}

static hw_heap *create_reserved(void) {
  if (reservation == NULL && !reserve()) return NULL;
  const u64 span = reserved < REGION_SPAN ? reserved : REGION_SPAN;
  if (reserved_used + span > reserved) return NULL;
  char *base = reservation + reserved_used;
  if (mprotect(base, REGION_UNIT, PROT_READ | PROT_WRITE) != 0) return NULL;
  const hw_options options = {
    .limit = span < REGION_SPAN ? span : 0,
    .grow = grow_reserved,
    .shrink = shrink_reserved,
  };
  hw_heap *heap = hw_create(base, REGION_UNIT, &options);
  if (heap != NULL) reserved_used += span;
  return heap;
}

/** Frees between two looks for free pages, at least. */
static const u32 LEAST_FREES = 65536;

/** Creates a region; the caller has `regions_lock`. Returns NULL if there are no addresses or no memory. */
static struct region *create_region(void) {
  if (region_count == MOST_REGIONS) return NULL;
  struct region *region = &regions[region_count];
  hw_heap *heap = region_count == 0 ? create_on_break() : NULL;
  if (heap == NULL) heap = create_reserved();
  if (heap == NULL) return NULL;
  region->trim_from = trim_from;
  region->frees_left = LEAST_FREES;
  region->heap = heap;
  __atomic_store_n(&region_count, region_count + 1, __ATOMIC_RELEASE);
  return region;
}

/** The region for a thread that has none: threads take turns. */
SLOW struct region *choose_region(void) {
  static unsigned turn;
  const int saved = errno;
  const bool is_locked = lock(&regions_lock);
  if (most_arenas == 0) {
    cpu_set_t set;
    const int cores = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    most_arenas = cores < 1 ? 2 : cores > 32 ? 64 : 2 * (unsigned)cores;
  }
  const unsigned index = turn++ % most_arenas;
  struct region *region = index < region_count ? &regions[index] : create_region();
  if (region == NULL && region_count > 0) region = &regions[0];
  unlock(&regions_lock, is_locked);
  errno = saved;
  mine = region;
  return region;
}

/** The region whose addresses contain `pointer`; NULL if there is none. */
FAST struct region *region_around(const void *pointer) {
  const u64 offset = (u64)((uintptr_t)pointer - (uintptr_t)reservation);
  if (reservation != NULL && offset < reserved_used) {
    const unsigned index = (unsigned)(offset / REGION_SPAN) + (break_heap != NULL);
    return &regions[index];
  }
  const bool is_near = break_heap != NULL && (uintptr_t)pointer - (uintptr_t)break_heap < REGION_SPAN;
  return is_near ? &regions[0] : NULL;
}

FAST u32 offset_in(const struct region *region, const void *pointer) {
  return (u32)((uintptr_t)pointer - (uintptr_t)region->heap);
}

// Returning memory --------------------------------------------------------------------------------------------------------

/** Free memory at the end of a heap, in bytes. */
FAST size_t free_at_end(const hw_heap *heap) {
  return hw_programBreak(heap) - hw_top(heap);
}

/** Whole pages of a free block that hold no metadata; in bytes, from `*from` on. */
static size_t free_pages_of(const hw_heap *heap, u32 p, u32 size, char **from) {
  char *start = rounded_up(hw_at(heap, p + 16), OS_PAGE);
  char *end = (char *)((uintptr_t)hw_at(heap, p + size - 8) & -(uintptr_t)OS_PAGE);
  *from = start;
  return end > start ? (size_t)(end - start) : 0;
}

/** Bytes of free pages inside a heap; returns them to the system if `returns`. `blocks`: number of blocks. Takes linear time. */
static size_t free_pages(hw_heap *heap, bool returns, u32 *blocks) {
  size_t bytes = 0;
  u32 count = 0;
  for (u32 p = HW_FIRST; p != hw_top(heap); count++) {
    const u32 h = hw_header(heap, p);
    const u32 size = hw_sizeIn(h);
    if (!hw_leadsOn(p, size, hw_top(heap))) hw_corrupt(heap);
    char *from;
    const size_t whole = (h & HW_IN_USE) == 0 ? free_pages_of(heap, p, size, &from) : 0;
    if (whole > 0 && returns) madvise(from, whole, MADV_DONTNEED);
    bytes += whole;
    p += size;
  }
  *blocks = count;
  return bytes;
}

/** Returns free memory at the end of the region's heap, and keeps half of what a trim starts at. */
SLOW void trim_now(struct region *region) {
  const size_t keep = region->trim_from / 2;
  if (hw_trim_(region->heap, (u32)keep) == 0) region->trim_from *= 2; // not the end of the break
  else region->trimmed = true;
}

static const size_t LEAST_PURGE = 8 * MIB;

/** Returns free pages inside the heap, if they are a large part of it. So seldom that a free pays for one block. */
SLOW void purge_now(struct region *region) {
  u32 blocks;
  const int saved = errno;
  const size_t bytes = free_pages(region->heap, false, &blocks);
  if (bytes >= LEAST_PURGE && bytes >= hw_footprint(region->heap) / 2) free_pages(region->heap, true, &blocks);
  const u32 frees = blocks < UINT32_MAX / 32 ? blocks * 32 : UINT32_MAX;
  region->frees_left = frees < LEAST_FREES ? LEAST_FREES : frees;
  errno = saved;
}

/** Whether `p`, which was freed just now, is a quick block at the heap's end: it keeps what is free before it from the top block. */
FAST bool is_quick_at_end(const hw_heap *heap, u32 p) {
  const u32 h = hw_header(heap, p);
  return p + hw_sizeIn(h) == hw_top(heap) && (h & HW_QUICK) == HW_QUICK;
}

SLOW void consolidate_now(struct region *region) {
  while (hw_releaseQuick(region->heap) != 0) continue;
}

/** Follows each free, and each reallocation, which may free; `p` is the offset that was freed or reallocated. */
FAST void note_free(struct region *region, u32 p) {
  if (UNLIKELY(is_quick_at_end(region->heap, p))) consolidate_now(region);
  if (UNLIKELY(free_at_end(region->heap) >= region->trim_from)) trim_now(region);
  if (UNLIKELY(--region->frees_left == 0)) purge_now(region);
}

/** Returns all free memory but `keep` bytes at the end of each region. Returns the bytes. */
SLOW size_t trim_all(size_t keep) {
  size_t bytes = 0;
  for (unsigned i = 0; i < region_count; i++) {
    const bool is_locked = lock(&regions[i].lock);
    u32 blocks;
    bytes += hw_trim_(regions[i].heap, keep > HW_MAX_SIZE ? HW_MAX_SIZE : (u32)keep);
    bytes += free_pages(regions[i].heap, true, &blocks);
    unlock(&regions[i].lock, is_locked);
  }
  return bytes;
}

// Large requests: a mapping each, in a hash table -------------------------------------------------------------------------

/** A mapping; `bytes` is 0 after it was freed. */
struct large {
  uintptr_t address;
  size_t bytes;
};

static struct large *larges;
/** Entries of the table, a power of two; those that are not empty; mappings that there are, and their bytes. */
static size_t large_room, large_used, large_count, large_bytes;
static int large_lock;

static const size_t LARGE_LEAST_ROOM = 256;

/** The entry of an address, or the empty one where it belongs. */
static struct large *large_at(uintptr_t address) {
  size_t i = (size_t)((u64)(address / OS_PAGE) * 0x9e3779b97f4a7c15u >> 20) & (large_room - 1);
  while (larges[i].address != 0 && larges[i].address != address) i = (i + 1) & (large_room - 1);
  return &larges[i];
}

/** Makes a table in which half the entries are empty, without those of freed mappings. */
static bool grow_table(void) {
  struct large *old = larges;
  const size_t old_room = large_room;
  size_t room = LARGE_LEAST_ROOM;
  while (room < large_count * 4) room *= 2;
  void *table = mmap(NULL, room * sizeof *larges, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (table == MAP_FAILED) return false;
  larges = table;
  large_room = room;
  large_used = large_count;
  for (size_t i = 0; i < old_room; i++)
    if (old[i].bytes != 0) *large_at(old[i].address) = old[i];
  if (old != NULL) munmap(old, old_room * sizeof *old);
  return true;
}

static void add_large(void *pointer, size_t bytes) {
  struct large *entry = large_at((uintptr_t)pointer);
  if (entry->address == 0) large_used++;
  entry->address = (uintptr_t)pointer;
  entry->bytes = bytes;
  large_count++;
  large_bytes += bytes;
}

static void remove_large(struct large *entry) {
  large_count--;
  large_bytes -= entry->bytes;
  entry->bytes = 0;
}

static bool has_room(void) {
  return large_used * 2 < large_room || grow_table();
}

/** Maps `size` bytes at a multiple of `alignment`; or returns NULL. */
SLOW void *map_large(size_t size, size_t alignment) {
  if (size > PTRDIFF_MAX - 2 * MIB || alignment > (size_t)1 << 40) return NULL;
  const size_t bytes = pages_up(size == 0 ? 1 : size);
  const size_t extra = alignment > OS_PAGE ? alignment : 0;
  const bool is_locked = lock(&large_lock);
  char *pointer = NULL;
  if (has_room()) {
    char *start = mmap(NULL, bytes + extra, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start != MAP_FAILED) {
      pointer = extra == 0 ? start : rounded_up(start, alignment);
      const size_t before = (size_t)(pointer - start);
      if (before > 0) munmap(start, before);
      if (extra > before) munmap(pointer + bytes, extra - before);
      add_large(pointer, bytes);
    }
  }
  unlock(&large_lock, is_locked);
  return pointer;
}

/** Bytes of the mapping at `pointer`; 0 if it was freed, SIZE_MAX if there never was one. */
static size_t large_size(const void *pointer) {
  const bool is_locked = lock(&large_lock);
  size_t bytes = SIZE_MAX;
  if (large_room > 0) {
    const struct large *entry = large_at((uintptr_t)pointer);
    if (entry->address != 0) bytes = entry->bytes;
  }
  unlock(&large_lock, is_locked);
  return bytes;
}

static bool unmap_large(void *pointer) {
  const int saved = errno;
  const bool is_locked = lock(&large_lock);
  struct large *entry = large_at((uintptr_t)pointer);
  const size_t bytes = entry->bytes;
  if (bytes > 0) {
    remove_large(entry);
    // A program that frees such sizes will ask for them again: from the heap, which has the memory at hand.
    if (!large_is_fixed && bytes >= large_from && bytes <= MOST_LARGE_FROM) large_from = bytes + 1;
    munmap(pointer, bytes);
  }
  unlock(&large_lock, is_locked);
  errno = saved;
  return bytes > 0;
}

/** Makes a mapping larger or smaller; it may move. NULL if that is impossible. */
static void *remap_large(void *pointer, size_t size) {
  if (size > PTRDIFF_MAX - 2 * MIB) return NULL;
  const size_t bytes = pages_up(size);
  const bool is_locked = lock(&large_lock);
  void *moved = NULL;
  if (has_room()) {
    struct large *entry = large_at((uintptr_t)pointer);
    moved = entry->bytes == 0 ? MAP_FAILED : mremap(pointer, entry->bytes, bytes, MREMAP_MAYMOVE);
    if (moved == MAP_FAILED) moved = NULL;
    else {
      remove_large(entry);
      add_large(moved, bytes);
    }
  }
  unlock(&large_lock, is_locked);
  return moved;
}

// Allocating --------------------------------------------------------------------------------------------------------------

/** Largest alignment of blocks in a heap: that of its start. */
static const size_t MOST_ALIGNMENT = REGION_UNIT;

/** From one region; NULL if it has no memory. */
static void *allocate_in(struct region *region, size_t size, size_t alignment) {
  const bool is_locked = lock(&region->lock);
  hw_heap *heap = region->heap;
  const u32 p = alignment <= 16 ? hw_allocate_(heap, (u32)size) : hw_allocateAligned(heap, (u32)size, (u32)alignment);
  unlock(&region->lock, is_locked);
  return p == 0 ? NULL : hw_at(heap, p);
}

/** From a region other than the thread's, which is full: one that has memory becomes the thread's. */
static void *allocate_elsewhere(size_t size, size_t alignment) {
  for (unsigned i = region_count; i-- > 0;) {
    void *pointer = &regions[i] == mine ? NULL : allocate_in(&regions[i], size, alignment);
    if (pointer == NULL) continue;
    mine = &regions[i];
    return pointer;
  }
  const bool is_locked = lock(&regions_lock);
  struct region *region = create_region();
  unlock(&regions_lock, is_locked);
  if (region == NULL) return NULL;
  mine = region;
  return allocate_in(region, size, alignment);
}

/** What `take` does not do at once. Sets errno if there is no memory. */
SLOW void *take_slowly(size_t size, size_t alignment) {
  const int saved = errno;
  void *pointer = NULL;
  if (size < large_from && alignment <= MOST_ALIGNMENT && (mine != NULL || choose_region() != NULL)) {
    pointer = allocate_in(mine, size, alignment);
    if (pointer == NULL) pointer = allocate_elsewhere(size, alignment);
  }
  if (pointer == NULL) pointer = map_large(size, alignment);
  errno = pointer == NULL ? ENOMEM : saved;
  return pointer;
}

/** Allocates at least `size` bytes; NULL with errno set if there is no memory. */
FAST void *take(size_t size) {
  struct region *region = mine;
  if (LIKELY(region != NULL) && LIKELY(size < large_from)) {
    const bool is_locked = lock(&region->lock);
    hw_heap *heap = region->heap;
    const u32 p = hw_allocate_(heap, (u32)size);
    unlock(&region->lock, is_locked);
    if (LIKELY(p != 0)) return hw_at(heap, p);
  }
  return take_slowly(size, 1);
}

/** The same with zeroed bytes. */
FAST void *take_zeroed(size_t size) {
  void *pointer = take(size);
  if (pointer == NULL) return NULL;
  // A mapping is zero.
  if (LIKELY(region_around(pointer) != NULL)) memset(pointer, 0, size);
  return pointer;
}

// Freeing -----------------------------------------------------------------------------------------------------------------

/** A pointer that is not of this heap: frees it if libc's allocator may have it, as a library's that sees libc's functions first. */
#ifdef HW_FOREIGN_FREE
static bool free_foreign(void *pointer);
#else
static bool free_foreign(void *pointer) {
  (void)pointer;
  return false;
}
#endif

/** Frees what lies in no region. */
SLOW void give_elsewhere(void *pointer, const char *call) {
  const size_t bytes = large_size(pointer);
  if (bytes == 0) report_pointer(call, pointer, HW_DOUBLE_FREE);
  else if (bytes != SIZE_MAX) {
    if (!unmap_large(pointer)) report_pointer(call, pointer, HW_DOUBLE_FREE);
  } else if (!free_foreign(pointer)) report_pointer(call, pointer, HW_INVALID_POINTER);
}

/** Frees a block; reports an invalid pointer as one of `call`. */
FAST void give(void *pointer, const char *call) {
  if (UNLIKELY(pointer == NULL)) return;
  struct region *region = mine;
  if (UNLIKELY(region == NULL || (uintptr_t)pointer - (uintptr_t)region->heap >= REGION_SPAN)) {
    region = region_around(pointer);
    if (UNLIKELY(region == NULL)) return give_elsewhere(pointer, call);
  }
  const bool is_locked = lock(&region->lock);
  const u32 p = offset_in(region, pointer);
  const u32 code = hw_deallocate_(region->heap, p);
  if (LIKELY(code == HW_OK)) note_free(region, p);
  unlock(&region->lock, is_locked);
  if (LIKELY(code == HW_OK)) return;
  // Behind the break there may be mappings.
  if (code == HW_OUT_OF_HEAP) return give_elsewhere(pointer, call);
  report_pointer(call, pointer, code);
}

// Reallocating ------------------------------------------------------------------------------------------------------------

/** Bytes of the block at `pointer`; SIZE_MAX with `*code` set if it is not one of this heap. */
static size_t size_of(const void *pointer, u32 *code) {
  *code = HW_OUT_OF_HEAP;
  struct region *region = region_around(pointer);
  if (region != NULL) {
    const bool is_locked = lock(&region->lock);
    const u32 offset = offset_in(region, pointer);
    *code = hw_pointerError(region->heap, offset);
    const size_t bytes = *code == HW_OK ? hw_usableSize(region->heap, offset) : SIZE_MAX;
    unlock(&region->lock, is_locked);
    if (*code != HW_OUT_OF_HEAP) return bytes;
  }
  const size_t bytes = large_size(pointer);
  if (bytes == SIZE_MAX) return SIZE_MAX;
  *code = bytes == 0 ? HW_DOUBLE_FREE : HW_OK;
  return bytes == 0 ? SIZE_MAX : bytes;
}

/** A new block with the contents of the old one, which is freed. */
static void *move_block(void *pointer, size_t had, size_t size, const char *call) {
  void *moved = take(size);
  if (moved == NULL) return NULL;
  memcpy(moved, pointer, had < size ? had : size);
  give(pointer, call);
  return moved;
}

/** Reallocates a block of this heap in its region; NULL if that is impossible. */
static void *resize_in(struct region *region, void *pointer, size_t size) {
  const bool is_locked = lock(&region->lock);
  hw_heap *heap = region->heap;
  const u32 before = offset_in(region, pointer);
  const u32 p = hw_reallocate_(heap, before, (u32)size);
  if (p != 0) note_free(region, before);
  unlock(&region->lock, is_locked);
  return p == 0 ? NULL : hw_at(heap, p);
}

/** Reallocates a block in use that has `had` bytes; NULL with errno set, and the block unchanged, if there is no memory. */
static void *resize(void *pointer, size_t had, size_t size, const char *call) {
  const bool is_mapping = large_size(pointer) == had;
  if (is_mapping) {
    if (pages_up(size) == had) return pointer;
    if (size >= large_from / 2) {
      void *moved = remap_large(pointer, size);
      if (moved != NULL) return moved;
    }
  } else if (size < large_from) {
    void *resized = resize_in(region_around(pointer), pointer, size);
    if (resized != NULL) return resized;
  }
  return move_block(pointer, had, size, call);
}

// Fork --------------------------------------------------------------------------------------------------------------------

static void before_fork(void) {
  lock_now(&regions_lock);
  for (unsigned i = 0; i < region_count; i++) lock_now(&regions[i].lock);
  lock_now(&large_lock);
}

static void after_fork(void) {
  unlock_now(&large_lock);
  for (unsigned i = region_count; i-- > 0;) unlock_now(&regions[i].lock);
  unlock_now(&regions_lock);
}

/** In the child there is no thread that waits. */
static void after_fork_in_child(void) {
  large_lock = 0;
  for (unsigned i = 0; i < region_count; i++) regions[i].lock = 0;
  regions_lock = 0;
}

static __attribute__((constructor)) void register_fork(void) {
  pthread_atfork(before_fork, after_fork, after_fork_in_child);
}
