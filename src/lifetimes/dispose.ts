/** What `using` calls at the end of a block of code, also on platforms that do not have it yet. */

/// <reference lib="esnext.disposable" preserve="true" />

/** `Symbol.dispose`; if the platform has none, the symbol that esbuild and Babel translate `using` to. */
export const dispose: typeof Symbol.dispose = Symbol.dispose ?? Symbol.for("Symbol.dispose");
