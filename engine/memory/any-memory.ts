/** Whatever a heap can live in. */
export type AnyMemory = WebAssembly.Memory | ArrayBuffer | SharedArrayBuffer;
