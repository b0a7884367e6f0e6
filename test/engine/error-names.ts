/** The names of the error codes, by code. */
export const ERRORS = [
  "OK",
  "OUT_OF_MEMORY",
  "INVALID_SIZE",
  "INVALID_ALIGNMENT",
  "DOUBLE_FREE",
  "INVALID_POINTER",
  "OUT_OF_HEAP",
  "CORRUPT",
  "BAD_OPTIONS",
] as const;
export type ErrorName = (typeof ERRORS)[number];
