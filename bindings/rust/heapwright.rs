//! Rust's global allocator, taken from heapwright's heap.wasm. Rust 1.82 or later:
//!
//! ```ignore
//! #[path = "../../node_modules/heapwright/bindings/rust/heapwright.rs"]
//! mod heapwright;
//!
//! #[global_allocator]
//! static HEAP: heapwright::Heap = heapwright::Heap;
//! ```

#![allow(unsafe_op_in_unsafe_fn)]

use core::alloc::{GlobalAlloc, Layout};

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn malloc(size: usize) -> *mut u8;
    fn calloc(count: usize, size: usize) -> *mut u8;
    fn realloc(pointer: *mut u8, size: usize) -> *mut u8;
    fn aligned_alloc(alignment: usize, size: usize) -> *mut u8;
    fn free(pointer: *mut u8);
}

/// What every block is aligned to; larger alignments are asked for.
const ALIGNMENT: usize = 8;

pub struct Heap;

unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() <= ALIGNMENT {
            malloc(layout.size())
        } else {
            aligned_alloc(layout.align(), layout.size())
        }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, _layout: Layout) {
        free(pointer)
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.align() <= ALIGNMENT {
            return calloc(1, layout.size());
        }
        let made = aligned_alloc(layout.align(), layout.size());
        if !made.is_null() {
            made.write_bytes(0, layout.size());
        }
        made
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if layout.align() <= ALIGNMENT {
            return realloc(pointer, size);
        }
        let moved = aligned_alloc(layout.align(), size);
        if !moved.is_null() {
            moved.copy_from_nonoverlapping(pointer, size.min(layout.size()));
            free(pointer);
        }
        moved
    }
}
