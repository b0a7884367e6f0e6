/* The parts of Emscripten that its allocators need, so that clang can build them for wasm32-wasi. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define EMSCRIPTEN_KEEPALIVE __attribute__((used))
#define EM_ASM(...) ((void)0)
#define MAIN_THREAD_ASYNC_EM_ASM(...) ((void)0)

/* Emscripten's max_align_t is aligned to 8 bytes, wasi-libc's to 16. */
typedef double em_max_align_t;
#define max_align_t em_max_align_t

#define PAGE_BYTES 65536u

static inline size_t emscripten_get_heap_size(void) { return __builtin_wasm_memory_size(0) * PAGE_BYTES; }
static inline size_t emscripten_get_heap_max(void) { return 65535u * PAGE_BYTES; }

extern unsigned char __heap_base;

/* Moves the program break, and grows the memory if necessary. */
static void *em_sbrk(intptr_t increment) {
  static uintptr_t program_break;
  if (program_break == 0) program_break = ((uintptr_t)&__heap_base + 15) & ~(uintptr_t)15;
  uintptr_t before = program_break;
  uintptr_t after = before + (uintptr_t)increment;
  size_t size = emscripten_get_heap_size();
  if (increment > 0 && after < before) return (void *)-1;
  if (after > size && __builtin_wasm_memory_grow(0, (after - size + PAGE_BYTES - 1) / PAGE_BYTES) == (size_t)-1)
    return (void *)-1;
  program_break = after;
  return (void *)before;
}
#define sbrk em_sbrk
