/** What `using` calls at the end of a block of code, also where the platform does not have it yet. */

/// <reference lib="esnext.disposable" preserve="true" />

/** `Symbol.dispose`; where there is none, the symbol that esbuild and Babel translate `using` to. */
export const dispose: typeof Symbol.dispose = Symbol.dispose ?? Symbol.for("Symbol.dispose");
