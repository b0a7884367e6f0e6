/*
 * The recorder of `heapwright record`: a library for LD_PRELOAD that logs the calls of a program to the malloc family,
 * each with its thread and call stack. glibc on Linux; `heapwright record` compiles it.
 *
 * Two files per process image, both mapped, so that what was logged is there after a crash:
 *
 *   PID.N.calls    a header of 64 bytes, then 24 bytes per event, in order
 *
 *       63            16 15     8 7      0
 *      +----------------+--------+--------+
 *      | address        | event  | log2   |    log2 of the alignment, 0 if none was asked for
 *      +----------------+--------+--------+
 *      | size (bytes)            | thread |    24 bits of thread, from 0 in the order of their first event
 *      +-------------------------+--------+
 *      | milliseconds   | stack           |    32 bits each; the stack is an index into the other file
 *      +----------------+-----------------+
 *
 *   PID.N.stacks   64-bit words: entries, each a header (kind << 32 | words that follow) and its words
 *
 *      STACK   return addresses, from the innermost out
 *      MODULE  start, end, offset in the file, then the path, padded with zeros
 *
 * Order. Events are numbered by one atomic counter. A free takes its number before the call of the real free, and a malloc
 * takes its after the real malloc. So no address is logged as allocated before it is logged as freed. A realloc has two events.
 *
 * Stacks. On x86-64 the unwinder below reads the .eh_frame tables and remembers the rule of each return address, so a frame
 * costs a few nanoseconds. Elsewhere it is backtrace(). Frames without a table, such as those of a just-in-time compiler, are
 * walked by frame pointers. A stack is logged once: a table finds it by its hash.
 *
 * fork. All state is in pages that are zero in the child (MADV_WIPEONFORK), which then starts files of its own, or does not
 * record.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__) && defined(DLFO_STRUCT_HAS_EH_DBASE)
#define OWN_UNWINDER 1
#else
#define OWN_UNWINDER 0
#endif

enum { MALLOC = 1, CALLOC, ALIGNED, FREE, FREE_NULL, REALLOC_FROM, REALLOC_TO, REALLOC_NULL };
enum { STACK = 1, MODULE = 2 };
enum { UNKNOWN, STARTING, ON, OFF };

#define MOST_EVENTS ((uint64_t)1 << 32)
#define STEP_EVENTS ((uint64_t)1 << 18) /* the file grows by so many */
#define MOST_WORDS ((uint64_t)1 << 32)
#define STEP_WORDS ((uint64_t)1 << 16)
#define STACK_SLOTS (1u << 20)
#define PC_SLOTS (1u << 17)
#define MOST_DEPTH 256
#define MOST_MODULES 4096

struct event { uint64_t place, size, stack; };
struct header { char magic[8]; _Atomic uint64_t taken; uint64_t lost; uint64_t pad[5]; };

/* A file that is mapped whole and grows step by step, so that a full disk ends the recording and not the program. */
struct file { int fd; char *base; uint64_t reserved; _Atomic uint64_t bytes; };

struct slot { _Atomic uint64_t key, value; };
struct module { uint64_t start, end; };

struct state {
  _Atomic int mode;
  _Atomic uint32_t threads;
  atomic_flag growing;
  struct file calls, stacks;
  _Atomic uint64_t words; /* taken of the file of stacks */
  int64_t began;          /* milliseconds */
  _Atomic uint32_t modules;
  struct module module[MOST_MODULES];
  struct slot stack[STACK_SLOTS];
  struct slot pc[PC_SLOTS];
};

static struct state *S;
static char folder[3072];
static int depth = 64, children;
static void *(*next_malloc)(size_t), *(*next_calloc)(size_t, size_t), *(*next_realloc)(void *, size_t);
static void *(*next_memalign)(size_t, size_t);
static void (*next_free)(void *);

#define LOCAL static __thread __attribute__((tls_model("initial-exec")))
LOCAL uint32_t thread; /* number + 1 */
LOCAL int inside;      /* in the recorder: calls are not events */
LOCAL uint64_t stack_top;

static int64_t milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- files ---- */

static int open_file(struct file *file, const char *path, uint64_t most, uint64_t first) {
  file->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file->fd < 0) return 0;
  for (file->reserved = most; file->reserved >= first; file->reserved /= 2) {
    file->base = mmap(0, file->reserved, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file->fd, 0);
    if (file->base != MAP_FAILED) break;
  }
  if (file->base == MAP_FAILED) return 0;
  madvise(file->base, file->reserved, MADV_DONTFORK);
  return 1;
}

/* Makes sure that the file has so many bytes. */
static int reach(struct file *file, uint64_t bytes, uint64_t step) {
  if (atomic_load_explicit(&file->bytes, memory_order_acquire) >= bytes) return 1;
  int enough = 1, saved = errno;
  while (atomic_flag_test_and_set_explicit(&S->growing, memory_order_acquire)) {}
  uint64_t now = atomic_load(&file->bytes);
  while (now < bytes && enough) {
    uint64_t more = now + step > file->reserved ? file->reserved - now : step;
    enough = more > 0 && (fallocate(file->fd, 0, (off_t)now, (off_t)more) == 0 ||
                          (errno == EOPNOTSUPP && ftruncate(file->fd, (off_t)(now + more)) == 0));
#ifdef MADV_POPULATE_WRITE
    /* One call instead of a page fault for each page; where the kernel cannot, the pages fault. */
    if (enough) madvise(file->base + now / 4096 * 4096, more, MADV_POPULATE_WRITE);
#endif
    if (enough) now += more;
  }
  atomic_store_explicit(&file->bytes, now, memory_order_release);
  atomic_flag_clear_explicit(&S->growing, memory_order_release);
  errno = saved;
  return now >= bytes;
}

/* Room for an entry of the file of stacks; its header is written last. 0 if there is none. */
static uint64_t take_words(uint32_t count) {
  uint64_t at = atomic_fetch_add(&S->words, count + 1);
  return reach(&S->stacks, (at + count + 1) * 8, STEP_WORDS * 8) ? at : 0;
}

static uint64_t *word(uint64_t at) { return (uint64_t *)S->stacks.base + at; }

static void publish(uint64_t at, uint64_t kind, uint64_t count) {
  atomic_store_explicit((_Atomic uint64_t *)word(at), kind << 32 | count, memory_order_release);
}

/* ---- modules: which file an address is from ---- */

static uint64_t hexadecimal(const char **text) {
  uint64_t value = 0;
  for (;; (*text)++) {
    char c = **text;
    if (c >= '0' && c <= '9') value = value << 4 | (uint64_t)(c - '0');
    else if (c >= 'a' && c <= 'f') value = value << 4 | (uint64_t)(c - 'a' + 10);
    else return value;
  }
}

static int known(uint64_t pc) {
  uint32_t count = atomic_load_explicit(&S->modules, memory_order_acquire);
  if (count > MOST_MODULES) count = MOST_MODULES;
  for (uint32_t i = 0; i < count; i++)
    if (pc >= S->module[i].start && pc < S->module[i].end) return 1;
  return 0;
}

/* A line of /proc/self/maps: start-end perms offset dev inode path */
static void note_line(const char *line, uint64_t wanted) {
  uint64_t start = hexadecimal(&line);
  line++;
  uint64_t end = hexadecimal(&line);
  if (wanted < start || wanted >= end) return;
  line += 6;
  uint64_t offset = hexadecimal(&line);
  while (*line && *line != '/' && *line != '[') line++;
  uint32_t i = atomic_load(&S->modules);
  if (i >= MOST_MODULES) return;
  size_t length = strlen(line);
  uint32_t words = (uint32_t)(3 + (length + 8) / 8);
  uint64_t at = take_words(words);
  if (at == 0) return;
  uint64_t *to = word(at) + 1;
  to[0] = start, to[1] = end, to[2] = offset;
  memcpy(to + 3, line, length);
  publish(at, MODULE, words);
  i = atomic_fetch_add(&S->modules, 1);
  if (i < MOST_MODULES) S->module[i].start = start, S->module[i].end = end;
}

static void note_module(uint64_t pc) {
  if (known(pc)) return;
  int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  char buffer[4608], line[4608];
  size_t length = 0;
  for (ssize_t got; (got = read(fd, buffer, sizeof buffer)) > 0;) {
    for (ssize_t i = 0; i < got; i++) {
      if (buffer[i] == '\n') {
        line[length] = 0;
        note_line(line, pc);
        length = 0;
      } else if (length < sizeof line - 1) line[length++] = buffer[i];
    }
  }
  close(fd);
}

/* ---- unwinding ---- */

/*
 * How to go from a frame to its caller, by the frame's return address. The frame's end (CFA) is a register plus an offset;
 * the return address is below it, at CFA - 8; the caller's frame pointer may be saved at another offset from it.
 *
 *   63    60 59              32 31 30           0
 *   +------+------------------+--+--------------+
 *   | kind | offset of CFA    |s | saved at     |   s: the frame pointer is saved, so many bytes below the CFA
 *   +------+------------------+--+--------------+
 */
enum { BY_SP = 1, BY_BP, AT_BP, NO_TABLE, NO_CALLER };

static uint64_t rule(uint64_t kind, int64_t offset, int saved, int64_t below) {
  return kind << 60 | ((uint64_t)offset & 0xfffffff) << 32 | (uint64_t)saved << 31 | ((uint64_t)below & 0x7fffffff);
}

#if OWN_UNWINDER

static uint64_t uleb(const uint8_t **at) {
  uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    uint8_t byte = *(*at)++;
    value |= (uint64_t)(byte & 127) << shift;
    if (byte < 128) return value;
  }
}

static int64_t sleb(const uint8_t **at) {
  int64_t value = 0;
  for (int shift = 0;;) {
    uint8_t byte = *(*at)++;
    value |= (int64_t)(byte & 127) << shift;
    shift += 7;
    if (byte < 128) return byte & 64 && shift < 64 ? value | -((int64_t)1 << shift) : value;
  }
}

static int32_t i32(const uint8_t *at) {
  int32_t value;
  memcpy(&value, at, 4);
  return value;
}

enum { RBP = 6, RSP = 7, RIP = 16, PCREL_SDATA4 = 0x1b, DATAREL_SDATA4 = 0x3b, UDATA4 = 3 };

struct row { int by; int64_t offset; int deref, saved, no_caller; int64_t below; };

/* Executes the instructions of a table until they reach `pc`; 0 if they have something that is not known here. */
static int execute(const uint8_t *at, const uint8_t *end, uint64_t pc, uint64_t *place, uint64_t code, int64_t data,
                   struct row *row, const struct row *initial) {
  struct row kept[8];
  int depth_kept = 0;
  while (at < end) {
    uint8_t op = *at++, low = op & 63;
    switch (op & 192 ? op & 192 : op) {
      case 0x40: *place += low * code; if (*place > pc) return 1; break;
      case 0x80: {
        int64_t offset = (int64_t)uleb(&at) * data;
        if (low == RBP) row->saved = 1, row->below = -offset;
        if (low == RIP && offset != -8) return 0;
        break;
      }
      case 0xc0: if (low == RBP) row->saved = initial->saved, row->below = initial->below; break;
      case 0x00: break;
      case 0x01: return 0;
      case 0x02: *place += *at++ * code; if (*place > pc) return 1; break;
      case 0x03: *place += (uint64_t)(at[0] | at[1] << 8) * code; at += 2; if (*place > pc) return 1; break;
      case 0x04: *place += (uint32_t)i32(at) * code; at += 4; if (*place > pc) return 1; break;
      case 0x05: {
        uint64_t reg = uleb(&at);
        int64_t offset = (int64_t)uleb(&at) * data;
        if (reg == RBP) row->saved = 1, row->below = -offset;
        break;
      }
      case 0x06: if (uleb(&at) == RBP) row->saved = initial->saved, row->below = initial->below; break;
      case 0x07: { uint64_t reg = uleb(&at); if (reg == RIP) row->no_caller = 1; if (reg == RBP) row->saved = 0; break; }
      case 0x08: if (uleb(&at) == RBP) row->saved = 0; break;
      case 0x09: if (uleb(&at) == RBP) return 0; uleb(&at); break;
      case 0x0a: if (depth_kept == 8) return 0; kept[depth_kept++] = *row; break;
      case 0x0b: if (depth_kept == 0) return 0; *row = kept[--depth_kept]; break;
      case 0x0c: row->by = (int)uleb(&at); row->offset = (int64_t)uleb(&at); row->deref = 0; break;
      case 0x0d: row->by = (int)uleb(&at); break;
      case 0x0e: row->offset = (int64_t)uleb(&at); break;
      case 0x0f: {
        /* Functions that align their stack: the CFA is in a word beside the frame pointer. */
        uint64_t length = uleb(&at);
        const uint8_t *code_at = at;
        at += length;
        if (*code_at++ != 0x70 + RBP) { row->by = -1; break; }
        row->offset = sleb(&code_at);
        row->by = code_at + 1 == at && *code_at == 0x06 ? RBP : -1;
        row->deref = 1;
        break;
      }
      case 0x10: {
        uint64_t reg = uleb(&at), length = uleb(&at);
        const uint8_t *code_at = at;
        at += length;
        if (reg != RBP) break;
        /* The frame pointer saved at [frame pointer + offset]: with an aligned stack. */
        if (*code_at++ != 0x70 + RBP) return 0;
        row->saved = 2, row->below = sleb(&code_at);
        if (code_at != at || row->below != 0) return 0;
        break;
      }
      case 0x16: uleb(&at); at += uleb(&at); break;
      case 0x11: { uint64_t reg = uleb(&at); int64_t offset = sleb(&at) * data; if (reg == RBP) row->saved = 1, row->below = -offset; break; }
      case 0x12: row->by = (int)uleb(&at); row->offset = sleb(&at) * data; row->deref = 0; break;
      case 0x13: row->offset = sleb(&at) * data; break;
      case 0x2e: uleb(&at); break;
      default: return 0;
    }
  }
  return 1;
}

static uint64_t find_rule(uint64_t pc) {
  const uint64_t none = rule(NO_TABLE, 0, 0, 0);
  struct dl_find_object object;
  if (_dl_find_object((void *)pc, &object) != 0 || object.dlfo_eh_frame == 0) return none;
  const uint8_t *table = object.dlfo_eh_frame;
  if (table[0] != 1 || table[1] != PCREL_SDATA4 || table[2] != UDATA4 || table[3] != DATAREL_SDATA4) return none;
  uint32_t count = (uint32_t)i32(table + 8), low = 0, high = count;
  const uint8_t *rows = table + 12;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if ((uint64_t)(table + i32(rows + 8 * (size_t)middle)) <= pc) low = middle + 1;
    else high = middle;
  }
  if (low == 0) return none;
  const uint8_t *entry = table + i32(rows + 8 * (size_t)(low - 1) + 4);
  uint32_t length = (uint32_t)i32(entry);
  if (length == 0 || length == 0xffffffff) return none;
  const uint8_t *end = entry + 4 + length, *common = entry + 4 - i32(entry + 4);
  const uint8_t *common_end = common + 4 + (uint32_t)i32(common), *at = common + 8;
  uint8_t version = *at++;
  const char *augmentation = (const char *)at;
  at += strlen(augmentation) + 1;
  uint64_t code = uleb(&at);
  int64_t data = sleb(&at);
  if ((version == 1 ? *at++ : uleb(&at)) != RIP) return none;
  if (augmentation[0] != 'z') return none;
  uint64_t size = uleb(&at);
  const uint8_t *instructions = at + size;
  uint8_t encoding = 0;
  for (const char *letter = augmentation + 1; *letter; letter++) {
    if (*letter == 'R') encoding = *at++;
    else if (*letter == 'L') at++;
    else if (*letter == 'P') { uint8_t form = *at++; at += (form & 7) == 0 || (form & 7) == 4 ? 8 : (form & 7) == 2 ? 2 : 4; }
    else if (*letter == 'S') return rule(NO_CALLER, 0, 0, 0);
    else return none;
  }
  if (encoding != PCREL_SDATA4) return none;
  uint64_t begin = (uint64_t)(entry + 8 + i32(entry + 8));
  if (pc < begin || pc >= begin + (uint32_t)i32(entry + 12)) return none;
  struct row row = {RSP, 8, 0, 0, 0, 0}, initial;
  uint64_t place = 0;
  if (!execute(instructions, common_end, UINT64_MAX, &place, code, data, &row, &row)) return none;
  initial = row;
  at = entry + 16;
  size = uleb(&at);
  place = begin;
  if (!execute(at + size, end, pc, &place, code, data, &row, &initial)) return none;
  if (row.no_caller) return rule(NO_CALLER, 0, 0, 0);
  if (row.by != RSP && row.by != RBP) return rule(NO_CALLER, 0, 0, 0);
  if (row.saved == 2) return row.deref ? rule(AT_BP, row.offset, 1, 0) : rule(NO_CALLER, 0, 0, 0);
  return rule(row.deref ? AT_BP : row.by == RSP ? BY_SP : BY_BP, row.offset, row.saved, row.below);
}

#else

static uint64_t find_rule(uint64_t pc) {
  (void)pc;
  return rule(NO_TABLE, 0, 0, 0);
}

#endif

/* The rule of a return address, remembered. A slot is filled once: first its key, then its value. */
static uint64_t rule_of(uint64_t pc) {
  uint32_t at = (uint32_t)(pc * 0x9e3779b97f4a7c15u >> 32);
  for (int tries = 0; tries < 64; tries++, at++) {
    struct slot *slot = &S->pc[at & (PC_SLOTS - 1)];
    uint64_t key = atomic_load_explicit(&slot->key, memory_order_relaxed);
    if (key == pc) {
      uint64_t value = atomic_load_explicit(&slot->value, memory_order_acquire);
      if (value != 0) return value;
      break;
    }
    if (key == 0 && atomic_compare_exchange_strong(&slot->key, &key, pc)) {
      note_module(pc - 1);
      uint64_t value = find_rule(pc - 1);
      atomic_store_explicit(&slot->value, value, memory_order_release);
      return value;
    }
    if (key == pc) break;
  }
  return find_rule(pc - 1);
}

/* Where this thread's stack ends: no word at or above it is read. */
static uint64_t find_top(void) {
  pthread_attr_t attributes;
  void *low = 0;
  size_t size = 0;
  if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
    pthread_attr_getstack(&attributes, &low, &size);
    pthread_attr_destroy(&attributes);
  }
  return (uint64_t)low + size;
}

/* The return addresses of the callers of the function whose frame pointer this is. */
static int unwind(uint64_t *to, int most, uint64_t *frame) {
#if OWN_UNWINDER
  if (stack_top == 0) stack_top = find_top();
  uint64_t bp = frame[0], pc = frame[1], sp = (uint64_t)(frame + 2);
  int count = 0;
  to[count++] = pc;
  /* Another stack than the thread's own, such as a coroutine's: its end is not known. */
  int on_stack = sp < stack_top && stack_top - sp < (uint64_t)1 << 30;
  for (;;) {
    uint64_t how = rule_of(pc), kind = how >> 60, cfa;
    if (count == most || !on_stack || kind == NO_CALLER) break;
    int64_t offset = (int64_t)(how << 4) >> 36;
    if (kind == NO_TABLE) {
      if (bp <= sp || bp + 16 > stack_top || bp % 8 != 0) break;
      cfa = bp + 16;
      bp = ((uint64_t *)bp)[0];
    } else {
      if (kind == AT_BP) {
        uint64_t at = bp + (uint64_t)offset;
        if (at < sp - 16 || at + 8 > stack_top || at % 8 != 0) break;
        cfa = *(uint64_t *)at;
      } else cfa = (kind == BY_SP ? sp : bp) + (uint64_t)offset;
      if (cfa <= sp || cfa > stack_top || cfa % 8 != 0) break;
      if (how & (uint64_t)1 << 31) {
        uint64_t at = kind == AT_BP && (how & 0x7fffffff) == 0 ? bp : cfa - (how & 0x7fffffff);
        if (at < sp - 16 || at + 8 > stack_top || at % 8 != 0) break;
        bp = *(uint64_t *)at;
      }
    }
    sp = cfa;
    pc = ((uint64_t *)cfa)[-1];
    if (pc < 4096) break;
    to[count++] = pc;
  }
  return count;
#else
  void *found[MOST_DEPTH + 4];
  int all = backtrace(found, most + 4), skip = 0;
  while (skip < all && (uint64_t)found[skip] != frame[1]) skip++;
  if (skip == all) skip = 0;
  int count = 0;
  for (int i = skip; i < all && count < most; i++) rule_of(to[count++] = (uint64_t)found[i]);
  return count;
#endif
}

/* The place of a stack in the file of stacks. A stack that is new is written there. */
static uint32_t stack_of(const uint64_t *pcs, int count) {
  uint64_t hash = 0;
  for (int i = 0; i < count; i++) {
    hash = (hash ^ pcs[i]) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 29;
  }
  if (hash == 0) hash = 1;
  struct slot *slot = 0;
  uint32_t at = (uint32_t)(hash >> 32);
  for (int tries = 0; tries < 256; tries++, at++) {
    struct slot *next = &S->stack[at & (STACK_SLOTS - 1)];
    uint64_t key = atomic_load_explicit(&next->key, memory_order_relaxed);
    if (key == hash) {
      uint64_t place = atomic_load_explicit(&next->value, memory_order_acquire);
      if (place != 0) return (uint32_t)place;
      break; /* another thread is writing it: it is written twice */
    }
    if (key == 0 && atomic_compare_exchange_strong(&next->key, &key, hash)) { slot = next; break; }
  }
  uint64_t place = take_words((uint32_t)count);
  if (place == 0) return 0;
  memcpy(word(place) + 1, pcs, (size_t)count * 8);
  publish(place, STACK, (uint64_t)count);
  if (slot) atomic_store_explicit(&slot->value, place, memory_order_release);
  return (uint32_t)place;
}

/* ---- starting ---- */

static void append(char *text, size_t room, uint64_t number, const char *after) {
  char digits[24];
  int count = 0;
  size_t length = strlen(text);
  do digits[count++] = (char)('0' + number % 10); while (number /= 10);
  while (count && length + 1 < room) text[length++] = digits[--count];
  while (*after && length + 1 < room) text[length++] = *after++;
  text[length] = 0;
}

/* Whether this is the process that was started first, of all that have the folder. */
static int is_first(void) {
  char path[sizeof folder + 64];
  strcpy(path, folder);
  strcat(path, "/first");
  pid_t own = getpid(), pid = 0;
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0) {
    pid = write(fd, &own, sizeof own) == sizeof own ? own : 0;
  } else if ((fd = open(path, O_RDONLY | O_CLOEXEC)) >= 0) {
    if (read(fd, &pid, sizeof pid) != sizeof pid) pid = 0;
  }
  if (fd >= 0) close(fd);
  return pid == own;
}

static int start_files(void) {
  char path[sizeof folder + 64];
  uint64_t first = sizeof(struct header) + STEP_EVENTS * sizeof(struct event);
  for (unsigned image = 0; image < 1000; image++) {
    strcpy(path, folder);
    strcat(path, "/");
    append(path, sizeof path, (uint64_t)getpid(), ".");
    append(path, sizeof path, image, ".calls");
    if (access(path, F_OK) == 0) continue;
    if (!open_file(&S->calls, path, sizeof(struct header) + MOST_EVENTS * sizeof(struct event), first)) return 0;
    strcpy(path + strlen(path) - 5, "stacks");
    if (!open_file(&S->stacks, path, MOST_WORDS * 8, STEP_WORDS * 8)) return 0;
    if (!reach(&S->calls, first, first) || !reach(&S->stacks, STEP_WORDS * 8, STEP_WORDS * 8)) return 0;
    memcpy(((struct header *)S->calls.base)->magic, "HWREC001", 8);
    atomic_store(&S->words, 1); /* 0 is no stack */
    return 1;
  }
  return 0;
}

static void start(void) {
  int expected = UNKNOWN;
  if (!atomic_compare_exchange_strong(&S->mode, &expected, STARTING)) return;
  int saved = errno;
  inside++;
  thread = 0;
  S->began = milliseconds();
  int on = folder[0] && (children | is_first()) && start_files();
  inside--;
  errno = saved;
  atomic_store_explicit(&S->mode, on ? ON : OFF, memory_order_release);
}

static void find_next(void) {
  inside++;
  next_calloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "calloc");
  next_memalign = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "memalign");
  next_realloc = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
  next_free = (void (*)(void *))dlsym(RTLD_NEXT, "free");
  next_malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
  inside--;
}

__attribute__((constructor)) static void begin(void) {
  const char *value = getenv("HEAPWRIGHT_RECORD");
  if (value && strlen(value) < sizeof folder) strcpy(folder, value);
  if ((value = getenv("HEAPWRIGHT_RECORD_DEPTH"))) depth = atoi(value);
  if (depth < 1 || depth > MOST_DEPTH) depth = 64;
  value = getenv("HEAPWRIGHT_RECORD_CHILDREN");
  children = value && *value == '1';
  if (!next_malloc) find_next();
#if !OWN_UNWINDER
  void *one[1];
  inside++;
  backtrace(one, 1); /* loads what it needs */
  inside--;
#endif
  void *pages = mmap(0, sizeof *S, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED || madvise(pages, sizeof *S, MADV_WIPEONFORK) != 0) return;
  S = pages;
  start();
}

/* ---- events ---- */

static int recording(void) {
  if (!S || inside) return 0;
  int mode = atomic_load_explicit(&S->mode, memory_order_acquire);
  if (__builtin_expect(mode == UNKNOWN, 0)) {
    start();
    mode = atomic_load_explicit(&S->mode, memory_order_acquire);
  }
  return mode == ON;
}

static void put(int event, void *address, size_t size, unsigned log2, uint64_t *frame) {
  int saved = errno;
  inside++;
  uint32_t stack = 0;
  if (frame) {
    uint64_t pcs[MOST_DEPTH];
    stack = stack_of(pcs, unwind(pcs, depth, frame));
  }
  if (thread == 0) thread = atomic_fetch_add(&S->threads, 1) + 1;
  struct header *header = (struct header *)S->calls.base;
  uint64_t i = atomic_fetch_add_explicit(&header->taken, 1, memory_order_acq_rel);
  if (reach(&S->calls, sizeof *header + (i + 1) * sizeof(struct event), STEP_EVENTS * sizeof(struct event))) {
    struct event *to = (struct event *)(header + 1) + i;
    to->size = (uint64_t)size << 24 | ((thread - 1) & 0xffffff);
    to->stack = (uint64_t)(milliseconds() - S->began) << 32 | stack;
    atomic_store_explicit((_Atomic uint64_t *)&to->place, (uint64_t)address << 16 | (uint64_t)event << 8 | log2, memory_order_release);
  } else {
    /* The disk is full. */
    atomic_store(&S->mode, OFF);
  }
  inside--;
  errno = saved;
}

#define EXPORT __attribute__((visibility("default"), noinline))
#define FRAME ((uint64_t *)__builtin_frame_address(0))

/* dlsym may allocate before the real functions are known. These blocks are never freed. */
static _Alignas(16) char early[65536];
static size_t early_used;

static void *early_block(size_t size) {
  size_t at = early_used;
  if (size > sizeof early - at - 16) return 0;
  early_used = at + ((size + 15) & ~(size_t)15);
  return early + at;
}

static int is_early(void *block) { return (char *)block >= early && (char *)block < early + sizeof early; }

EXPORT void *malloc(size_t size) {
  if (__builtin_expect(!next_malloc, 0)) {
    if (!inside) find_next();
    if (!next_malloc) return early_block(size);
  }
  void *block = next_malloc(size);
  if (block && recording()) put(MALLOC, block, size, 0, FRAME);
  return block;
}

EXPORT void *calloc(size_t count, size_t size) {
  if (__builtin_expect(!next_calloc, 0)) {
    if (!inside) find_next();
    if (!next_calloc) return early_block(count * size);
  }
  void *block = next_calloc(count, size);
  if (block && recording()) put(CALLOC, block, count * size, 0, FRAME);
  return block;
}

EXPORT void free(void *block) {
  if (is_early(block)) return;
  if (recording()) put(block ? FREE : FREE_NULL, block, 0, 0, 0);
  if (block && next_free) next_free(block);
}

static void *reallocate(void *block, size_t size, uint64_t *frame) {
  if (!next_realloc) find_next();
  if (is_early(block)) {
    void *moved = malloc(size);
    size_t most = (size_t)(early + sizeof early - (char *)block);
    if (moved) memcpy(moved, block, size < most ? size : most);
    return moved;
  }
  if (!recording()) return next_realloc(block, size);
  /* The event before the call is without a stack, so that both are short. */
  if (block) put(REALLOC_FROM, block, 0, 0, 0);
  void *moved = next_realloc(block, size);
  if (block) put(REALLOC_TO, moved, size, 0, frame);
  else if (moved) put(REALLOC_NULL, moved, size, 0, frame);
  return moved;
}

EXPORT void *realloc(void *block, size_t size) { return reallocate(block, size, FRAME); }

EXPORT void *reallocarray(void *block, size_t count, size_t size) {
  size_t all;
  if (__builtin_mul_overflow(count, size, &all)) {
    errno = ENOMEM;
    return 0;
  }
  return reallocate(block, all, FRAME);
}

static void *align(size_t alignment, size_t size, uint64_t *frame) {
  if (!next_memalign) find_next();
  void *block = next_memalign(alignment, size);
  unsigned log2 = alignment > 1 ? 64u - (unsigned)__builtin_clzl(alignment - 1) : 0;
  if (block && recording()) put(ALIGNED, block, size, log2, frame);
  return block;
}

EXPORT void *memalign(size_t alignment, size_t size) { return align(alignment, size, FRAME); }
EXPORT void *aligned_alloc(size_t alignment, size_t size) { return align(alignment, size, FRAME); }
EXPORT void *valloc(size_t size) { return align((size_t)getpagesize(), size, FRAME); }

EXPORT void *pvalloc(size_t size) {
  size_t page = (size_t)getpagesize();
  return align(page, (size + page - 1) / page * page, FRAME);
}

EXPORT int posix_memalign(void **to, size_t alignment, size_t size) {
  if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0) return EINVAL;
  int saved = errno;
  void *block = align(alignment, size, FRAME);
  errno = saved;
  if (!block) return ENOMEM;
  *to = block;
  return 0;
}
