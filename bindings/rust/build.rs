//! Tells the linker where the library for the target is.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=lib");
    if env::var("CARGO_CFG_TARGET_ARCH").unwrap() != "wasm32" {
        return;
    }
    // On WASI, the C library's own functions allocate too, so the library has their names. Elsewhere another crate may have them.
    let is_wasi = env::var("CARGO_CFG_TARGET_OS").unwrap() == "wasi";
    let folder = if is_wasi { "wasi" } else { "unknown" };
    let root = env::var("CARGO_MANIFEST_DIR").unwrap();
    println!("cargo:rustc-link-search=native={root}/lib/{folder}");
    println!("cargo:rustc-link-lib=static=heapwright");
}
