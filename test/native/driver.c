// Runs programs of calls on the engine in C, over a memory that grows by pages as that of WebAssembly does, and writes what each
// call returned, and a hash of the memory. test/native/differential.test.ts compares both with those of the wasm.
//
//     driver IN OUT
//
// IN has 32-bit words: for each program RUN, pages, most pages, base's limit, margin, fit, small, the number of steps, and four
// words for each step. OUT has two words for each step, and three for each program: what `hw_violated` returned, the length of
// the memory and its hash.

#define HW_OWN_MEMORY unsigned pages, most;
#include <heapwright.c>

#include <stdio.h>

enum { MALLOC, CALLOC, ALIGNED, REALLOC, FREE, USABLE, RESET, TRIM, OTHERS, BY_ID = 16 };
enum { PAGE = 65536 };

static u32 hw_memoryEnd(hw_heap *hw) {
  return hw->pages * PAGE;
}

static bool hw_growTo(hw_heap *hw, u32 end) {
  const u32 pages = end / PAGE + (end % PAGE != 0);
  if (pages > hw->most) return false;
  if (pages > hw->pages) hw->pages = pages;
  return true;
}

static bool hw_canShrink(const hw_heap *hw) {
  (void)hw;
  return false;
}

static void hw_shrinkTo(hw_heap *hw, u32 end) {
  (void)hw;
  (void)end;
}

static u32 *read_all(const char *path, size_t *count) {
  FILE *file = fopen(path, "rb");
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) exit(2);
  const long bytes = ftell(file);
  rewind(file);
  u32 *words = malloc((size_t)bytes + 4);
  *count = (size_t)bytes / 4;
  if (words == NULL || fread(words, 4, *count, file) != *count) exit(2);
  fclose(file);
  return words;
}

/** Pointers by number or by id; there is room for one a step, and as many ids. */
static u32 *pointers;
static u32 count;

static u32 at(u32 index, u32 offset) {
  return count == 0 ? offset : pointers[index % count] + offset;
}

/** What a step returns: 0 and a value, or 1 and an error. */
static void step(hw_heap *hw, const u32 *s, u32 *answer) {
  const u32 a = s[1], size = s[2], alignment = s[3];
  const bool by_id = s[0] >= BY_ID;
  const u32 p = by_id ? pointers[a] : s[0] == REALLOC ? at(a, 0) : at(a, size);
  u32 q = 0;
  answer[0] = 0;
  answer[1] = 0;
  switch (s[0] % BY_ID) {
    case MALLOC:
      q = hw_allocate_(hw, size);
      break;
    case CALLOC:
      q = hw_allocateZeroed(hw, size);
      break;
    case ALIGNED:
      q = hw_allocateAligned(hw, size, alignment);
      break;
    case REALLOC:
      q = hw_reallocate_(hw, p, size);
      break;
    case FREE:
      answer[1] = hw_deallocate_(hw, p);
      answer[0] = answer[1] != HW_OK;
      if (by_id) pointers[a] = 0;
      return;
    case USABLE:
      answer[1] = p == 0 ? 0 : hw_usableSize(hw, p);
      return;
    case RESET:
      hw_report(hw, hw_reset_(hw));
      return;
    case TRIM:
      answer[1] = hw_trim_(hw, 0);
      return;
    case OTHERS:
      if (hw->pages + size <= hw->most) hw->pages += size;
      return;
    default:
      exit(3);
  }
  if (by_id) pointers[a] = q;
  else if (q != 0) pointers[count++] = q;
  answer[0] = q == 0;
  answer[1] = q == 0 ? hw->lastError : q;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  size_t length;
  u32 *words = read_all(argv[1], &length);
  FILE *out = fopen(argv[2], "wb");
  if (out == NULL) return 2;
  for (size_t i = 0; i < length;) {
    const u32 *program = words + i;
    const u32 steps = program[6];
    hw_heap *hw = aligned_alloc(PAGE, (size_t)program[1] * PAGE);
    pointers = calloc((size_t)steps + 1, sizeof *pointers);
    u32 *answers = malloc(((size_t)steps * 2 + 3) * sizeof *answers);
    if (hw == NULL || pointers == NULL || answers == NULL) return 2;
    count = 0;
    memset(hw, 0, (size_t)program[1] * PAGE);
    hw->pages = program[0];
    hw->most = program[1];
    if (hw_create_(hw, HW_HEAP, program[2], program[3], program[4], program[5]) != HW_OK) return 4;
    for (u32 k = 0; k < steps; k++) step(hw, program + 7 + (size_t)k * 4, answers + (size_t)k * 2);
    u32 *end = answers + (size_t)steps * 2;
    u32 hash = 0;
    for (u32 address = HW_HEAP; address < hw->pages * PAGE; address += 4) hash = (hash ^ hw_load32(hw, address)) * 16777619u;
    end[0] = hw_violated(hw);
    end[1] = hw->pages * PAGE;
    end[2] = hash;
    fwrite(answers, 4, (size_t)steps * 2 + 3, out);
    free(hw);
    free(pointers);
    free(answers);
    i += 7 + (size_t)steps * 4;
  }
  free(words);
  return fclose(out) != 0;
}
