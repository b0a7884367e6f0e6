// libheapwright-malloc.so: the malloc family, to preload before the C library's:
//
//     LD_PRELOAD=libheapwright-malloc.so program
//
// HEAPWRIGHT_OPTIONS has settings with commas between them:
//
//     check=abort     an invalid pointer is reported on standard error, and ends the program (the default)
//     check=report    it is reported, and the call has no effect
//     stats           figures of the heap on standard error when the program ends
//     trim=BYTES      free memory at the end of the heap is returned from so many bytes on; 0: never
//     large=BYTES     requests from this size on get a mapping of their own
//     regions=NUMBER  threads that have a region of their own; further threads share others

#define HW_FOREIGN_FREE
#define HW_FREE_CALL "free"
#include "process.c"

#include <malloc.h>

#define API __attribute__((visibility("default")))

// Other allocators --------------------------------------------------------------------------------------------------------
//
// A library that is opened with RTLD_DEEPBIND calls libc's functions, and a block of libc's may be freed here. If libc's
// allocator was never used, a pointer that no region and no mapping contains is invalid.

extern void __libc_free(void *) __attribute__((weak));
extern void *__libc_realloc(void *, size_t) __attribute__((weak));

static void *symbol_of_libc(const char *name) {
  const int saved = errno;
  void *symbol = dlsym(RTLD_NEXT, name);
  errno = saved;
  return symbol;
}

static bool may_be_foreign(void) {
  struct mallinfo2 (*info)(void);
  void *symbol = symbol_of_libc("mallinfo2");
  if (symbol == NULL) return true;
  memcpy(&info, &symbol, sizeof info);
  const struct mallinfo2 figures = info();
  return figures.arena + figures.hblkhd > 0;
}

static bool free_foreign(void *pointer) {
  if (__libc_free == NULL || !may_be_foreign()) return false;
  __libc_free(pointer);
  return true;
}

// Settings ----------------------------------------------------------------------------------------------------------------

static bool prints_stats;

/** The number behind `name=` in a setting; false if it is another one. */
static bool read_number(const char *setting, const char *name, size_t *number) {
  const size_t length = strlen(name);
  if (strncmp(setting, name, length) != 0 || setting[length] != '=') return false;
  const char *digit = setting + length + 1;
  *number = 0;
  for (; *digit >= '0' && *digit <= '9'; digit++) *number = *number * 10 + (size_t)(*digit - '0');
  return *digit == ',' || *digit == '\0';
}

static bool is_setting(const char *setting, const char *name) {
  const size_t length = strlen(name);
  return strncmp(setting, name, length) == 0 && (setting[length] == ',' || setting[length] == '\0');
}

static void set_trim(size_t bytes) {
  trim_from = bytes == 0 ? SIZE_MAX : bytes;
  trim_is_fixed = true;
  for (unsigned i = 0; i < region_count; i++) regions[i].trim_from = trim_from;
}

static void set_large(size_t bytes) {
  large_from = bytes < 4 * KIB ? 4 * KIB : bytes > MOST_LARGE_FROM ? MOST_LARGE_FROM : bytes;
  large_is_fixed = true;
}

static __attribute__((constructor)) void read_settings(void) {
  const char *setting = getenv("HEAPWRIGHT_OPTIONS");
  while (setting != NULL && *setting != '\0') {
    size_t number;
    const char *comma = strchr(setting, ',');
    if (is_setting(setting, "check=report")) reports_only = true;
    else if (is_setting(setting, "check=abort")) reports_only = false;
    else if (is_setting(setting, "stats")) prints_stats = true;
    else if (read_number(setting, "trim", &number)) set_trim(number);
    else if (read_number(setting, "large", &number)) set_large(number);
    else if (read_number(setting, "regions", &number) && number > 0) most_owners = number < MOST_OWNERS ? (unsigned)number : MOST_OWNERS;
    else {
      const int length = comma == NULL ? (int)strlen(setting) : (int)(comma - setting);
      say("heapwright: unknown setting in HEAPWRIGHT_OPTIONS: %.*s\n", length, setting);
    }
    setting = comma == NULL ? NULL : comma + 1;
  }
}

// Allocating and freeing --------------------------------------------------------------------------------------------------

API void *malloc(size_t size) {
  return take(size);
}

API void free(void *pointer) {
  give(pointer, "free");
}

API void *calloc(size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return NULL;
  }
  return take_zeroed(bytes);
}

/** Frees for size 0, as the C library's does. */
API void *realloc(void *pointer, size_t size) {
  if (pointer == NULL) return take(size);
  void *resized = size == 0 ? NULL : resize_inside(pointer, size);
  if (LIKELY(resized != NULL)) return resized;
  u32 code;
  const size_t had = size_of(pointer, &code);
  if (had == SIZE_MAX) {
    if (code == HW_OUT_OF_HEAP && __libc_realloc != NULL && may_be_foreign()) return __libc_realloc(pointer, size);
    report_pointer("realloc", pointer, code == HW_OUT_OF_HEAP ? HW_INVALID_POINTER : code);
    return NULL;
  }
  if (size != 0) return resize(pointer, had, size, "realloc");
  give(pointer, "realloc");
  return NULL;
}

API void *reallocarray(void *pointer, size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return NULL;
  }
  return realloc(pointer, bytes);
}

// Aligned requests --------------------------------------------------------------------------------------------------------

static bool is_power_of_two(size_t number) {
  return number != 0 && (number & (number - 1)) == 0;
}

API void *aligned_alloc(size_t alignment, size_t size) {
  if (is_power_of_two(alignment)) return take_slowly(size, alignment);
  errno = EINVAL;
  return NULL;
}

/** Rounds the alignment up to a power of two, as the C library's does. */
API void *memalign(size_t alignment, size_t size) {
  if (alignment > SIZE_MAX / 2 + 1) {
    errno = EINVAL;
    return NULL;
  }
  size_t power = 1;
  while (power < alignment) power *= 2;
  return take_slowly(size, power);
}

API int posix_memalign(void **result, size_t alignment, size_t size) {
  if (!is_power_of_two(alignment) || alignment % sizeof(void *) != 0) return EINVAL;
  const int saved = errno;
  void *pointer = take_slowly(size, alignment);
  errno = saved;
  if (pointer == NULL) return ENOMEM;
  *result = pointer;
  return 0;
}

API void *valloc(size_t size) {
  return take_slowly(size, OS_PAGE);
}

API void *pvalloc(size_t size) {
  return take_slowly(size > SIZE_MAX - OS_PAGE ? size : pages_up(size), OS_PAGE);
}

// Figures -----------------------------------------------------------------------------------------------------------------

API size_t malloc_usable_size(void *pointer) {
  if (pointer == NULL) return 0;
  u32 code;
  const size_t bytes = size_of(pointer, &code);
  if (bytes != SIZE_MAX) return bytes;
  if (code == HW_OUT_OF_HEAP && may_be_foreign()) {
    size_t (*usable)(void *);
    void *symbol = symbol_of_libc("malloc_usable_size");
    memcpy(&usable, &symbol, sizeof usable);
    if (symbol != NULL) return usable(pointer);
  }
  report_pointer("malloc_usable_size", pointer, code == HW_OUT_OF_HEAP ? HW_INVALID_POINTER : code);
  return 0;
}

API int malloc_trim(size_t keep) {
  const int saved = errno;
  const size_t bytes = trim_all(keep);
  errno = saved;
  return bytes > 0;
}

/** Figures of all regions, in bytes. */
struct totals {
  size_t footprint, peak, free, free_blocks, at_end;
};

/** Takes time linear in the number of blocks. Free slots count as used. */
static struct totals count_all(void) {
  struct totals all = {0, 0, 0, 0, 0};
  for (unsigned i = regions_now(); i-- > 0;) {
    const bool is_locked = seize(&regions[i]);
    hw_heap *heap = regions[i].heap;
    all.footprint += hw_footprint(heap);
    all.peak += hw_peak(heap);
    all.at_end += free_at_end(heap);
    all.free += free_at_end(heap);
    for (u32 p = HW_FIRST; p != hw_top(heap); p += hw_sizeOf(heap, p)) {
      if (!hw_endsBy(p, hw_sizeOf(heap, p), hw_top(heap))) hw_corrupt(heap);
      if ((hw_header(heap, p) & HW_IN_USE) != 0) continue;
      all.free += hw_sizeOf(heap, p);
      all.free_blocks++;
    }
    release(&regions[i], is_locked);
  }
  return all;
}

API struct mallinfo2 mallinfo2(void) {
  const struct totals all = count_all();
  struct mallinfo2 info;
  memset(&info, 0, sizeof info);
  info.arena = all.footprint;
  info.ordblks = all.free_blocks;
  info.hblks = large_count;
  info.hblkhd = large_bytes;
  info.uordblks = all.footprint - all.free;
  info.fordblks = all.free;
  info.keepcost = all.at_end;
  return info;
}

API int malloc_info(int options, FILE *stream) {
  if (options != 0) return EINVAL;
  const struct totals all = count_all();
  fprintf(stream, "<malloc version=\"heapwright\">\n");
  fprintf(stream, "<heaps count=\"%u\"/>\n", region_count);
  fprintf(stream, "<total type=\"rest\" count=\"%zu\" size=\"%zu\"/>\n", all.free_blocks, all.free);
  fprintf(stream, "<total type=\"mmap\" count=\"%zu\" size=\"%zu\"/>\n", large_count, large_bytes);
  fprintf(stream, "<system type=\"current\" size=\"%zu\"/>\n", all.footprint);
  fprintf(stream, "<system type=\"max\" size=\"%zu\"/>\n", all.peak);
  fprintf(stream, "</malloc>\n");
  return 0;
}

API void malloc_stats(void) {
  const struct totals all = count_all();
  say(
    "heapwright[%d]: %u regions, %zu bytes, at most %zu, free %zu; %zu mappings, %zu bytes; first region on %s\n", (int)getpid(),
    region_count, all.footprint, all.peak, all.free, large_count, large_bytes, break_heap != NULL ? "the break" : "a reservation"
  );
}

API int mallopt(int parameter, int value) {
  switch (parameter) {
    case M_TRIM_THRESHOLD:
      set_trim(value < 0 ? 0 : (size_t)value);
      return 1;
    case M_MMAP_THRESHOLD:
      set_large(value < 0 ? MOST_LARGE_FROM : (size_t)value);
      return 1;
    case M_ARENA_MAX:
      if (value > 0) most_owners = value < MOST_OWNERS ? (unsigned)value : MOST_OWNERS;
      return value > 0;
    case M_MXFAST:
    case M_TOP_PAD:
    case M_MMAP_MAX:
    case M_CHECK_ACTION:
    case M_PERTURB:
    case M_ARENA_TEST:
      return 1; // has no effect here
    default:
      return 0;
  }
}

static __attribute__((destructor)) void print_stats(void) {
  if (prints_stats) malloc_stats();
}
