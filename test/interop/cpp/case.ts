import type { Case } from "../case.ts";
import { C, libcxx } from "../tools.ts";

/** C++ with its standard containers: `operator new` of libc++abi calls malloc. */
export default {
  title: "C++ containers",
  needs: [...C, ...libcxx],
  build: (kit) =>
    kit.wasi(["containers.cpp"], { compiler: "clang++", flags: ["-std=c++20", "-fno-exceptions"] }),
  wasi: {},
  output: "index b4e722cd\nevents a0b08a56\nstrings a5367e9d\nno power of two 1\nno memory 1\n",
} satisfies Case;
