/**
 * The exports of heap.threads.wasm: the names of heap.wasm, for a heap that several threads use at the same time, and more functions
 * for threads. It imports `env.memory`, a shared memory. See docs/threads.md.
 *
 * @module heapwright/heap.threads.wasm
 */

export * from "./heap.wasm.js";

/** Reserves a place for a new thread. Returns its id; 0 if 64 threads have joined. Call it before you start the thread. */
export function heap_reserve(): number;

/**
 * Makes this thread the one with this id; call `heap_attach` before. `id` 0 reserves a place first. `looks` is how often the thread
 * looks at a lock that another thread has before a call fails with error 9, BUSY; 0: it never waits; -1: it sleeps until it has the
 * lock. Returns an error code, 0 for none.
 */
export function heap_join(id: number, looks: number): number;

/** Changes what `looks` of `heap_join` is for this thread. */
export function heap_patience(looks: number): void;

/** The id of this thread; 0 if it has not joined. */
export function heap_thread(): number;

/** This thread leaves the heap. Its blocks stay in use. Returns an error code, 0 for none: then it can be called again. */
export function heap_detach(): number;

/**
 * Notes that the thread with this id has ended. Call it only after the end is certain: after the `exit` event of a worker, for
 * example. Returns 1; 0 if that is known, or if the thread has left before.
 */
export function heap_died(id: number): number;

/** Releases this thread's empty slabs, and all blocks that were freed without the lock. Returns an error code, 0 for none. */
export function heap_collect(): number;

/**
 * `heap_died`; then `heap_held` lists the slots that the thread held: those in use in its slabs. Returns 0 if it can: other threads
 * wait for the lock until you call `heap_recovered`. Returns 8, BAD_OPTIONS, if the thread has left or the heap is in order already; 9 if
 * this thread may not wait for the lock.
 */
export function heap_recover(id: number): number;

/** The next slot that the dead thread held; 0 at the end. */
export function heap_held(): number;

/** Bytes of the slot that the last `heap_held` returned. */
export function heap_held_size(): number;

/** Puts the heap in order, and lets the other threads go on. */
export function heap_recovered(): void;
