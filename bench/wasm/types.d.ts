// AssemblyScript's number types and the builtins used here, for tsc.
type i32 = number;
type u8 = number;
type u32 = number;
type f64 = number;
type usize = number;

declare function load<T extends number>(address: usize, offset?: usize): T;
declare function store<T extends number>(address: usize, value: T, offset?: usize): void;
declare namespace memory {
  function fill(address: usize, value: number, bytes: usize): void;
  function size(): i32;
}
declare namespace heap {
  function alloc(bytes: usize): usize;
  function realloc(address: usize, bytes: usize): usize;
  function free(address: usize): void;
}
declare function unreachable(): never;
