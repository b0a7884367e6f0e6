/** A module on an allocator. */
export interface Program {
  /** "wasi-libc's dlmalloc", "heapwright, merged". */
  readonly allocator: string;
  readonly binary: Uint8Array;
  /** A heap that is linked at run time: the module imports its functions and shares its memory. */
  readonly heap?: Uint8Array;
}
