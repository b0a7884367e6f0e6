//! A small, fast global allocator for wasm32. It needs no C compiler: the allocator is in a library that rustc links.
//!
//! ```ignore
//! use heapwright::Heapwright;
//!
//! #[global_allocator]
//! static ALLOCATOR: Heapwright = Heapwright;
//! ```
//!
//! The heap begins at the end of the program's data, and grows with the memory. Memory that other code has grown stays as it is.
//! An invalid pointer traps, and leaves the heap unchanged.
//!
//! One thread at a time may use the heap, so programs with shared memory cannot link it. It is for the targets
//! `wasm32-unknown-unknown`, `wasm32-wasip1` and `wasm32-wasip2`.

#![no_std]
#![allow(unsafe_op_in_unsafe_fn)]

use core::alloc::{GlobalAlloc, Layout};

#[cfg(not(target_arch = "wasm32"))]
compile_error!("heapwright is for wasm32");
#[cfg(target_feature = "atomics")]
compile_error!("heapwright does not support threads yet");

extern "C" {
    fn heapwright_malloc(size: usize) -> *mut u8;
    fn heapwright_calloc(count: usize, size: usize) -> *mut u8;
    fn heapwright_realloc(pointer: *mut u8, size: usize) -> *mut u8;
    fn heapwright_memalign(alignment: usize, size: usize) -> *mut u8;
    fn heapwright_free(pointer: *mut u8);
}

/// The allocator.
#[derive(Clone, Copy, Debug, Default)]
pub struct Heapwright;

/// Whether every block of this size has this alignment: 16 from 16 bytes up, 8 below.
const fn is_aligned(size: usize, align: usize) -> bool {
    align <= 8 || (align <= 16 && size >= 16)
}

// A null pointer is returned when there is no memory. No function allocates by itself or panics.
unsafe impl GlobalAlloc for Heapwright {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_aligned(layout.size(), layout.align()) {
            heapwright_malloc(layout.size())
        } else {
            heapwright_memalign(layout.align(), layout.size())
        }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, _layout: Layout) {
        heapwright_free(pointer)
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_aligned(layout.size(), layout.align()) {
            return heapwright_calloc(1, layout.size());
        }
        let pointer = heapwright_memalign(layout.align(), layout.size());
        if !pointer.is_null() {
            pointer.write_bytes(0, layout.size());
        }
        pointer
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if is_aligned(size, layout.align()) {
            return heapwright_realloc(pointer, size);
        }
        let moved = heapwright_memalign(layout.align(), size);
        if !moved.is_null() {
            moved.copy_from_nonoverlapping(pointer, size.min(layout.size()));
            heapwright_free(pointer);
        }
        moved
    }
}
