// The heap of a Linux process: regions, each a heap of up to 4 GiB as heapwright.c has it, and mappings for large requests.
// libheapwright.c and libheapwright-malloc.c include this file and give it names.
//
//     program, data │ region 0 ───────▶ the program break │ …      mappings     │ region 1 ─▶ │ region 2 ─▶ │ reserved …
//
// Region 0 lies on the program break, and moves it by `sbrk`; others lie in one reservation of addresses, and so does region 0 if
// the break cannot move. A thread owns the region that it allocates from, and enters it by a flag instead of a lock: that takes no
// atomic operation. Another thread leaves the blocks that it frees in the region's list of remote frees, and the owner frees them. If it
// needs the region itself, it stops the owner: `seize`. When a thread ends, its region waits for the next one.
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
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LIKELY(condition) __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#define SLOW static __attribute__((noinline, unused))
#define FAST static inline __attribute__((always_inline, unused))

enum { MOST_REGIONS = 256, MOST_OWNERS = 192, OS_PAGE = 4096, REGION_UNIT = 65536 };

/** Addresses that a region has. */
#define REGION_SPAN ((u64)1 << 32)

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

// Settings ----------------------------------------------------------------------------------------------------------------

/** Requests from this size on get a mapping of their own. It rises to the sizes of mappings that are freed. */
static size_t large_from = 256 * KIB;
#define LARGE_FROM __atomic_load_n(&large_from, __ATOMIC_RELAXED)
static const size_t MOST_LARGE_FROM = 32 * MIB;
static bool large_is_fixed;

/** Free memory at the end of a region that is kept; the rest is returned. It doubles if that was too early. */
static size_t trim_from = 512 * KIB;
static const size_t MOST_TRIM_FROM = 64 * MIB;
static bool trim_is_fixed;

/** Threads that may have a region of their own; further ones share regions. 0: not set yet. */
static unsigned most_owners;

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

/** Whether this thread is in `fork`, and has all locks. */
static __thread bool forks __attribute__((tls_model("initial-exec")));

/** Takes a lock if there may be another thread; returns whether it did. */
static bool lock(int *word) {
  if (is_alone() || forks) return false;
  lock_now(word);
  return true;
}

static void unlock(int *word, bool is_locked) {
  if (is_locked) unlock_now(word);
}

// Regions -----------------------------------------------------------------------------------------------------------------

/** Remote frees that a region has room for, and how many of them the owner lets come together. */
enum { REMOTE = 1024, REMOTE_BATCH = 64 };

/** Why the owner may not just enter its region: another thread has seized it; there are remote frees. */
enum { SEIZED = 1, HAS_REMOTE = 2 };

struct region {
  hw_heap *heap;
  /** The thread that owns the region, by the address of its `mine`; NULL if there is none. It changes with the lock. */
  void *owner;
  int lock;
  /** Whether threads share the region: it is never owned. */
  bool is_shared;

  /** Whether the owner is in the region. */
  int busy __attribute__((aligned(64)));
  /** SEIZED, HAS_REMOTE. */
  int attention;
  /** Frees until free pages inside the heap are looked for. */
  u32 frees_left;
  /** Whether memory was returned since the heap last grew. */
  bool trimmed;
  size_t trim_from;

  /** Remote frees so far, and how many of them are done. They are offsets of blocks, in a ring; 0 is an empty place. */
  u32 remote_count __attribute__((aligned(64)));
  u32 remote_done;
  u32 remote[REMOTE];
};

static struct region regions[MOST_REGIONS];
static unsigned region_count;
static int regions_lock;

/** The heap on the program break; NULL if there is none. */
static hw_heap *break_heap;

/** The reservation for other regions, and how much of it is given to regions. */
static char *reservation;
static u64 reserved, reserved_used;

/** The region that this thread owns; NULL if it has none. */
static __thread struct region *mine __attribute__((tls_model("initial-exec")));
/** The region that it shares with others if it has none. */
static __thread struct region *common __attribute__((tls_model("initial-exec")));

static char *rounded_up(const void *address, size_t unit) {
  return (char *)(((uintptr_t)address + unit - 1) & -(uintptr_t)unit);
}

static size_t pages_up(size_t bytes) {
  return (bytes + OS_PAGE - 1) & -(size_t)OS_PAGE;
}

/** Regions that there are; others are being created. */
static unsigned regions_now(void) {
  return __atomic_load_n(&region_count, __ATOMIC_ACQUIRE);
}

static struct region *region_with(const hw_heap *heap) {
  for (unsigned i = regions_now(); i-- > 0;)
    if (regions[i].heap == heap) return &regions[i];
  return NULL;
}

static bool has_remote(const struct region *region) {
  return __atomic_load_n(&region->remote_count, __ATOMIC_RELAXED) != __atomic_load_n(&region->remote_done, __ATOMIC_RELAXED);
}

static void die_corrupt(hw_heap *hw) {
  // A handler of the signal may allocate.
  struct region *region = region_with(hw);
  if (region != NULL) {
    __atomic_store_n(&region->busy, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&region->attention, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&region->lock, 0, __ATOMIC_RELEASE);
  }
  say("heapwright: corrupt heap: its metadata at %p was overwritten\n", (void *)hw);
  abort();
}

/** Keeps more free memory from now on if some was returned just before the heap grows. */
static void note_growth(const hw_heap *hw) {
  struct region *region = region_with(hw);
  if (region == NULL) return;
  // Blocks that other threads freed come before more growth.
  if (has_remote(region)) __atomic_fetch_or(&region->attention, HAS_REMOTE, __ATOMIC_RELAXED);
  if (!region->trimmed) return;
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

/** Addresses that a region in the reservation has. */
static u64 reserved_span(void) {
  return reserved < REGION_SPAN ? reserved : REGION_SPAN;
}

static hw_heap *create_reserved(void) {
  if (reservation == NULL && !reserve()) return NULL;
  const u64 span = reserved_span();
  if (reserved_used + span > reserved) return NULL;
  char *base = reservation + reserved_used;
  if (mprotect(base, REGION_UNIT, PROT_READ | PROT_WRITE) != 0) return NULL;
  const hw_options options = {
    .limit = span < REGION_SPAN ? span : 0,
    .grow = grow_reserved,
    .shrink = shrink_reserved,
  };
  return hw_create(base, REGION_UNIT, &options);
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
  if (heap != break_heap) __atomic_store_n(&reserved_used, reserved_used + reserved_span(), __ATOMIC_RELEASE);
  return region;
}

/** The region whose addresses contain `pointer`; NULL if there is none. */
FAST struct region *region_around(const void *pointer) {
  const u64 used = __atomic_load_n(&reserved_used, __ATOMIC_ACQUIRE);
  const u64 offset = (u64)((uintptr_t)pointer - (uintptr_t)reservation);
  if (offset < used) {
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
    if (!hw_endsBy(p, size, hw_top(heap))) hw_corrupt(heap);
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
  // Most are not near the end: their header, which may be in no cache, is not looked at.
  if (LIKELY(hw_top(heap) - p > 64 * KIB)) return false;
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

// Entering a region -------------------------------------------------------------------------------------------------------
//
// The owner sets `busy`, then looks at `attention`. A thread that seizes the region takes its lock, sets SEIZED in `attention`, and then
// looks at `busy`. One of the two must see what the other wrote. That takes a fence on both sides, or `membarrier`, which
// makes all running threads of the process pass one: then the owner, which enters often, needs none. (Dice, Huang, Yang,
// "Asymmetric Dekker Synchronization", 2001.)

/** Whether `membarrier` works: asked for once, by the first thread. Without it all regions are shared. */
static bool has_membarrier(void) {
#ifdef HW_NO_MEMBARRIER
  return false;
#else
  static enum { UNKNOWN, WORKS, FAILS } membarrier_state;
  if (membarrier_state == UNKNOWN) {
    const long failed = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
    membarrier_state = failed == 0 ? WORKS : FAILS;
  }
  return membarrier_state == WORKS;
#endif
}

static void pass_barrier(void) {
  const int saved = errno;
  syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
  errno = saved;
}

/** Sets SEIZED; `wait_for_owner` follows, behind a barrier. */
static bool stop_owner(struct region *region) {
  if (region->owner == NULL || region->owner == &mine) return false;
  __atomic_fetch_or(&region->attention, SEIZED, __ATOMIC_RELAXED);
  return true;
}

static void wait_for_owner(const struct region *region) {
  const int saved = errno;
  for (int i = 0; __atomic_load_n(&region->busy, __ATOMIC_ACQUIRE) != 0; i++) {
    // The owner may have a lower priority than this thread.
    const struct timespec moment = {0, 50000};
    if (i > 60) nanosleep(&moment, NULL);
    else if (i > 20) sched_yield();
  }
  errno = saved;
}

/** Frees the remote frees up to the first that is invalid, whose offset is returned with the error; 0 if all are done. */
static u32 drain(struct region *region, u32 *code) {
  u32 done = region->remote_done, p = 0;
  *code = HW_OK;
  while (*code == HW_OK) {
    u32 *place = &region->remote[done % REMOTE];
    p = __atomic_load_n(place, __ATOMIC_ACQUIRE);
    if (p == 0) break;
    __atomic_store_n(place, 0, __ATOMIC_RELAXED);
    done++;
    *code = hw_deallocate_(region->heap, p);
    if (*code == HW_OK) note_free(region, p);
  }
  __atomic_store_n(&region->remote_done, done, __ATOMIC_RELEASE);
  return p;
}

/** Puts a block into the list of remote frees; false if there is no room. Lock-free. */
static bool leave_to_owner(struct region *region, u32 p) {
  u32 count = __atomic_load_n(&region->remote_count, __ATOMIC_RELAXED);
  do {
    if (count - __atomic_load_n(&region->remote_done, __ATOMIC_ACQUIRE) >= REMOTE) return false;
  } while (!__atomic_compare_exchange_n(&region->remote_count, &count, count + 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
  __atomic_store_n(&region->remote[count % REMOTE], p, __ATOMIC_RELEASE);
  if ((count + 1) % REMOTE_BATCH == 0) __atomic_fetch_or(&region->attention, HAS_REMOTE, __ATOMIC_RELAXED);
  return true;
}

static void free_failed(struct region *region, u32 p, u32 code);

SLOW void release(struct region *region, bool is_locked) {
  if (!is_locked) return;
  if (region != mine && region->owner != NULL) __atomic_fetch_and(&region->attention, ~SEIZED, __ATOMIC_RELEASE);
  unlock_now(&region->lock);
}

/** Makes this thread the only one in a region, and does its remote frees. Returns whether it took the lock, for `release`. */
SLOW bool seize(struct region *region) {
  for (;;) {
    const bool is_locked = lock(&region->lock);
    if (is_locked && stop_owner(region)) {
      pass_barrier();
      wait_for_owner(region);
    }
    __atomic_fetch_and(&region->attention, ~HAS_REMOTE, __ATOMIC_RELAXED);
    u32 code;
    const u32 p = drain(region, &code);
    if (p == 0) return is_locked;
    release(region, is_locked);
    free_failed(region, p, code);
  }
}

SLOW bool enter_slowly(struct region *region) {
  __atomic_store_n(&region->busy, 0, __ATOMIC_RELEASE);
  return seize(region);
}

/** The owner enters its region. Returns whether it took the lock, for `leave`. */
FAST bool enter(struct region *region) {
  __atomic_store_n(&region->busy, 1, __ATOMIC_RELAXED);
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  if (LIKELY(__atomic_load_n(&region->attention, __ATOMIC_ACQUIRE) == 0)) return false;
  return enter_slowly(region);
}

FAST void leave(struct region *region, bool is_locked) {
  if (UNLIKELY(is_locked)) release(region, true);
  else __atomic_store_n(&region->busy, 0, __ATOMIC_RELEASE);
}

/** Enters any region. */
static bool enter_any(struct region *region) {
  return region == mine ? enter(region) : seize(region);
}

static void leave_any(struct region *region, bool is_locked) {
  if (region == mine) leave(region, is_locked);
  else release(region, is_locked);
}

/** Returns all free memory but `keep` bytes at the end of each region. Returns the bytes. */
SLOW size_t trim_all(size_t keep) {
  size_t bytes = 0;
  for (unsigned i = regions_now(); i-- > 0;) {
    const bool is_locked = seize(&regions[i]);
    u32 blocks;
    bytes += hw_trim_(regions[i].heap, keep > HW_MAX_SIZE ? HW_MAX_SIZE : (u32)keep);
    bytes += free_pages(regions[i].heap, true, &blocks);
    release(&regions[i], is_locked);
  }
  return bytes;
}

// The region of a thread --------------------------------------------------------------------------------------------------

/** Runs `end_thread` when a thread that owns a region ends. */
static pthread_key_t end_key;
static bool has_end_key;
/** Whether it has run. */
static __thread bool has_ended __attribute__((tls_model("initial-exec")));

/** Makes a thread the owner of its region, or hands the region over. */
static void set_owner(struct region *region, void *owner) {
  const bool is_locked = lock(&region->lock);
  __atomic_store_n(&region->owner, owner, __ATOMIC_RELAXED);
  __atomic_store_n(&region->attention, has_remote(region) ? HAS_REMOTE : 0, __ATOMIC_RELAXED);
  unlock(&region->lock, is_locked);
}

static void end_thread(void *unused) {
  (void)unused;
  struct region *region = mine;
  has_ended = true;
  if (region == NULL) return;
  // What the thread still frees and allocates goes there.
  common = region;
  mine = NULL;
  set_owner(region, NULL);
}

static unsigned count_cores(void) {
  cpu_set_t set;
  const int cores = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  return cores < 1 ? 1 : (unsigned)cores;
}

/** A region that no thread owns, or a new one; NULL if threads own as many as they may. The caller has `regions_lock`. */
static struct region *region_to_own(void) {
  if (most_owners == 0) most_owners = count_cores() < MOST_OWNERS / 8 ? 8 * count_cores() : MOST_OWNERS;
  struct region *waiting = NULL;
  unsigned owners = 0;
  for (unsigned i = region_count; i-- > 0;) {
    if (__atomic_load_n(&regions[i].owner, __ATOMIC_RELAXED) != NULL) owners++;
    else if (!regions[i].is_shared) waiting = &regions[i];
  }
  if (owners >= most_owners) return NULL;
  return waiting != NULL ? waiting : create_region();
}

/** A region that threads share, two for each core. The caller has `regions_lock`. */
static struct region *region_to_share(void) {
  static struct region *shared[MOST_REGIONS - MOST_OWNERS];
  static unsigned turn, most;
  if (most == 0) most = count_cores() < MOST_REGIONS - MOST_OWNERS ? count_cores() : MOST_REGIONS - MOST_OWNERS;
  struct region **place = &shared[turn++ % most];
  if (*place == NULL) {
    *place = create_region();
    if (*place != NULL) (*place)->is_shared = true;
    else return region_count > 0 ? &regions[turn % region_count] : NULL;
  }
  return *place;
}

/** Gives the thread a region; returns NULL if there is no memory. */
SLOW struct region *choose_region(void) {
  const int saved = errno;
  const bool is_locked = lock(&regions_lock);
  const bool can_own = has_membarrier() && !has_ended && (has_end_key || is_alone());
  struct region *region = can_own ? region_to_own() : NULL;
  if (region != NULL) {
    set_owner(region, &mine);
    mine = region;
  } else common = region = region_to_share();
  unlock(&regions_lock, is_locked);
  if (mine != NULL && has_end_key) pthread_setspecific(end_key, mine);
  errno = saved;
  return region;
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
    if (!large_is_fixed && bytes >= large_from && bytes <= MOST_LARGE_FROM)
      __atomic_store_n(&large_from, bytes + 1, __ATOMIC_RELAXED);
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

static void *allocate_inside(struct region *region, size_t size, size_t alignment) {
  hw_heap *heap = region->heap;
  const u32 p = alignment <= 16 ? hw_allocate_(heap, (u32)size) : hw_allocateAligned(heap, (u32)size, (u32)alignment);
  return p == 0 ? NULL : hw_at(heap, p);
}

/** From one region; NULL if it has no memory. */
static void *allocate_in(struct region *region, size_t size, size_t alignment) {
  const bool is_locked = seize(region);
  void *pointer = allocate_inside(region, size, alignment);
  release(region, is_locked);
  return pointer;
}

/** Makes another region the thread's. */
static void change_region(struct region *region) {
  if (mine == NULL) {
    common = region;
    return;
  }
  set_owner(mine, NULL);
  set_owner(region, &mine);
  mine = region;
}

/** From a region other than the thread's, which is full: one that has memory becomes the thread's. */
static void *allocate_elsewhere(size_t size, size_t alignment) {
  void *pointer = NULL;
  const struct region *full = mine != NULL ? mine : common;
  const bool is_locked = lock(&regions_lock);
  for (unsigned i = region_count; i-- > 0 && pointer == NULL;) {
    struct region *region = &regions[i];
    if (region == full || __atomic_load_n(&region->owner, __ATOMIC_RELAXED) != NULL || region->is_shared != (mine == NULL)) continue;
    const bool has_lock = lock(&region->lock);
    pointer = allocate_inside(region, size, alignment);
    unlock(&region->lock, has_lock);
    if (pointer != NULL) change_region(region);
  }
  struct region *region = pointer == NULL ? create_region() : NULL;
  if (region != NULL) {
    region->is_shared = mine == NULL;
    change_region(region);
  }
  unlock(&regions_lock, is_locked);
  if (region != NULL) pointer = allocate_in(region, size, alignment);
  for (unsigned i = regions_now(); i-- > 0 && pointer == NULL;) pointer = allocate_in(&regions[i], size, alignment);
  return pointer;
}

/** What `take` does not do at once. Sets errno if there is no memory. */
SLOW void *take_slowly(size_t size, size_t alignment) {
  const int saved = errno;
  void *pointer = NULL;
  if (size < LARGE_FROM && alignment <= MOST_ALIGNMENT) {
    struct region *region = mine != NULL ? mine : common != NULL ? common : choose_region();
    if (region != NULL) pointer = allocate_in(region, size, alignment);
    if (pointer == NULL && region != NULL) pointer = allocate_elsewhere(size, alignment);
  }
  if (pointer == NULL) pointer = map_large(size, alignment);
  errno = pointer == NULL ? ENOMEM : saved;
  return pointer;
}

/** Allocates at least `size` bytes; NULL with errno set if there is no memory. */
FAST void *take(size_t size) {
  struct region *region = mine;
  if (LIKELY(region != NULL) && LIKELY(size < LARGE_FROM)) {
    hw_heap *heap = region->heap;
    const bool is_locked = enter(region);
    const u32 p = hw_allocate_(heap, (u32)size);
    leave(region, is_locked);
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

/** Reports that the block at `p` of a region cannot be freed, or frees it if it is not the region's. */
SLOW void report_failed(struct region *region, u32 p, u32 code, const char *call) {
  // Behind the break there may be mappings.
  if (code == HW_OUT_OF_HEAP) give_elsewhere(hw_at(region->heap, p), call);
  else report_pointer(call, hw_at(region->heap, p), code);
}

static void free_failed(struct region *region, u32 p, u32 code) {
  report_failed(region, p, code, HW_FREE_CALL);
}

/** Frees what does not lie in the thread's own region. */
SLOW void give_remotely(void *pointer, const char *call) {
  if (pointer == NULL) return;
  struct region *region = region_around(pointer);
  if (region == NULL) return give_elsewhere(pointer, call);
  const u32 p = offset_in(region, pointer);
  if (__atomic_load_n(&region->owner, __ATOMIC_RELAXED) != NULL && !is_alone() && p != 0 && leave_to_owner(region, p)) return;
  const bool is_locked = seize(region);
  const u32 code = hw_deallocate_(region->heap, p);
  if (code == HW_OK) note_free(region, p);
  release(region, is_locked);
  if (code != HW_OK) report_failed(region, p, code, call);
}

/** Frees a block; reports an invalid pointer as one of `call`. */
FAST void give(void *pointer, const char *call) {
  struct region *region = mine;
  if (UNLIKELY(region == NULL || (uintptr_t)pointer - (uintptr_t)region->heap >= REGION_SPAN)) return give_remotely(pointer, call);
  const u32 p = offset_in(region, pointer);
  const bool is_locked = enter(region);
  const u32 code = hw_deallocate_(region->heap, p);
  if (LIKELY(code == HW_OK)) note_free(region, p);
  leave(region, is_locked);
  if (UNLIKELY(code != HW_OK)) report_failed(region, p, code, call);
}

// Reallocating ------------------------------------------------------------------------------------------------------------

/** Bytes of the block at `pointer`; SIZE_MAX with `*code` set if it is not one of this heap. */
static size_t size_of(const void *pointer, u32 *code) {
  *code = HW_OUT_OF_HEAP;
  struct region *region = region_around(pointer);
  if (region != NULL) {
    const bool is_locked = enter_any(region);
    const u32 offset = offset_in(region, pointer);
    *code = hw_pointerError(region->heap, offset);
    const size_t bytes = *code == HW_OK ? hw_usableSize(region->heap, offset) : SIZE_MAX;
    leave_any(region, is_locked);
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

/** Reallocates a block of the thread's own region there; NULL if that is impossible. */
FAST void *resize_inside(void *pointer, size_t size) {
  struct region *region = mine;
  if (region == NULL || (uintptr_t)pointer - (uintptr_t)region->heap >= REGION_SPAN || size >= LARGE_FROM) return NULL;
  hw_heap *heap = region->heap;
  const u32 before = offset_in(region, pointer);
  const bool is_locked = enter(region);
  const u32 p = hw_reallocate_(heap, before, (u32)size);
  if (p != 0) note_free(region, before);
  leave(region, is_locked);
  return p == 0 ? NULL : hw_at(heap, p);
}

/**
 * Reallocates a block in use that has `had` bytes; NULL with errno set, and the block unchanged, if there is no memory. A block of
 * another thread's region moves to the thread's own, where the next call finds it.
 */
static void *resize(void *pointer, size_t had, size_t size, const char *call) {
  void *resized = resize_inside(pointer, size);
  if (resized != NULL) return resized;
  if (large_size(pointer) == had) {
    if (pages_up(size) == had) return pointer;
    if (size >= LARGE_FROM / 2) {
      void *moved = remap_large(pointer, size);
      if (moved != NULL) return moved;
    }
  }
  if (size <= had && size >= had / 2) return pointer;
  return move_block(pointer, had, size, call);
}

// Fork --------------------------------------------------------------------------------------------------------------------

static void before_fork(void) {
  lock_now(&regions_lock);
  bool stops = false;
  for (unsigned i = 0; i < region_count; i++) {
    lock_now(&regions[i].lock);
    if (stop_owner(&regions[i])) stops = true;
  }
  if (stops) pass_barrier();
  for (unsigned i = 0; i < region_count; i++)
    if (&regions[i] != mine) wait_for_owner(&regions[i]);
  lock_now(&large_lock);
  forks = true;
}

static void after_fork(void) {
  forks = false;
  unlock_now(&large_lock);
  for (unsigned i = region_count; i-- > 0;) {
    __atomic_fetch_and(&regions[i].attention, ~SEIZED, __ATOMIC_RELEASE);
    unlock_now(&regions[i].lock);
  }
  unlock_now(&regions_lock);
}

/** Closes the places in a list of remote frees that a thread took and did not fill. */
static void repair_remote(struct region *region) {
  u32 kept = region->remote_done;
  for (u32 i = kept; i != region->remote_count; i++) {
    const u32 p = region->remote[i % REMOTE];
    region->remote[i % REMOTE] = 0;
    if (p != 0) region->remote[kept++ % REMOTE] = p;
  }
  region->remote_count = kept;
}

/** In the child there is no other thread: the regions of the parent's threads wait for new owners. */
static void after_fork_in_child(void) {
  forks = false;
  large_lock = 0;
  for (unsigned i = 0; i < region_count; i++) {
    struct region *region = &regions[i];
    if (has_remote(region)) repair_remote(region);
    region->lock = 0;
    if (region->owner == NULL) continue;
    region->attention = 0;
    if (region != mine) region->owner = NULL;
  }
  regions_lock = 0;
}

static __attribute__((constructor)) void register_handlers(void) {
  pthread_atfork(before_fork, after_fork, after_fork_in_child);
  has_end_key = pthread_key_create(&end_key, end_thread) == 0;
  if (has_end_key && mine != NULL) pthread_setspecific(end_key, mine);
}

/** Does all remote frees, so that no invalid one stays unreported. */
static __attribute__((destructor)) void finish(void) {
  for (unsigned i = regions_now(); i-- > 0;)
    if (has_remote(&regions[i])) release(&regions[i], seize(&regions[i]));
}
