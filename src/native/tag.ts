/** What `Object.prototype.toString` says of native memory. It is apart, so that the library can know it without the rest. */
export const NATIVE = "NativeMemory";
