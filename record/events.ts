/** What an instrumented module and its recorder have to agree on. */

/** The export that has the function for events: a table of one. */
export const EVENTS_EXPORT = "heapwright.events";
/** The export that turns events on: a mutable global, 0 or 1. */
export const ON_EXPORT = "heapwright.on";

/** Kinds of events; each is followed by three numbers, the last of which is a result. */
export const Event = {
  /** size, alignment or 0, pointer */
  allocate: 0,
  /** count, size, pointer */
  zeroed: 1,
  /** pointer, size, new pointer */
  reallocate: 2,
  /** pointer */
  free: 3,
} as const;
