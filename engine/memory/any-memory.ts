/** Whatever a heap can live in. */
export type AnyMemory = WebAssembly.Memory | ArrayBuffer | SharedArrayBuffer | SystemMemory;

/** Memory of the process. The system moves its end, which other code can do too. */
export interface SystemMemory {
  /** A view that reaches at least to `end`. */
  readonly buffer: ArrayBuffer;
  /** Where the memory ends now, in bytes. */
  readonly end: number;
  /** Makes the memory reach at least to `end`; returns false, with nothing changed, if it cannot. */
  growTo(end: number): boolean;
  /** Returns the memory from `end` on to the system. */
  shrinkTo(end: number): void;
}
