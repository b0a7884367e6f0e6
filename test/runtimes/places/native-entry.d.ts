/** heapwright/native of the package that is installed where this runs; see ../project.ts. */
export * from "../../../src/native.ts";
