//! Counts words, on heapwright:
//!
//! ```sh
//! cargo build --release --target wasm32-unknown-unknown --example words
//! ```
//!
//! `count(pointer, length)` returns how many different words the text there has; `room(length)` makes room for the text.

use heapwright::Heapwright;
use std::collections::HashSet;

#[global_allocator]
static ALLOCATOR: Heapwright = Heapwright;

/// Room for a text of so many bytes, which `count` frees.
#[no_mangle]
pub extern "C" fn room(length: usize) -> *mut u8 {
    Box::into_raw(vec![0; length].into_boxed_slice()) as *mut u8
}

/// The number of different words.
///
/// # Safety
///
/// `text` is what `room(length)` returned.
#[no_mangle]
pub unsafe extern "C" fn count(text: *mut u8, length: usize) -> usize {
    let text = Box::from_raw(std::ptr::slice_from_raw_parts_mut(text, length));
    let words: HashSet<String> = String::from_utf8_lossy(&text)
        .split_whitespace()
        .map(str::to_lowercase)
        .collect();
    words.len()
}
