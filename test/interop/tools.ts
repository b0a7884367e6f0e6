/** The tools that cases need: whether they are there, and how to get them. */

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

/** Something that has to be installed. */
export interface Tool {
  readonly name: string;
  /** How to get it. */
  readonly install: string;
  isThere(): boolean;
}

/** What a case can't do without, in words for the person who runs it. */
export class Missing extends Error {}

const LIBRARIES = "/usr/lib/wasm32-wasi";

export const clang = command("clang", "apt-get install clang");
export const lld = command("wasm-ld", "apt-get install lld");
export const wasiLibc = file("wasi-libc", `${LIBRARIES}/libc.a`, "apt-get install wasi-libc");
export const builtins: Tool = {
  name: "compiler-rt for wasm32",
  install: "apt-get install libclang-rt-dev-wasm32",
  isThere: () => clangFile("libclang_rt.builtins-wasm32.a"),
};

/** All that a C program with a C library needs. */
export const C = [clang, lld, wasiLibc, builtins];

/** What C++ needs beyond C. */
export const libcxx: readonly Tool[] = ["libc++", "libc++abi"].map((name) => ({
  name: `${name} for wasm32`,
  install: "apt-get install libc++-dev-wasm32",
  isThere: () => clangFile(`${name}.a`),
}));

export const emscripten = command("emcc", "apt-get install emscripten");

const RUST_TARGET = "wasm32-unknown-unknown";

/** A Rust compiler with the library for wasm32: the first on the path that has it, or Debian's. */
export function rustc(): string | undefined {
  return ["rustc", "/usr/bin/rustc"].find((compiler) => {
    const { stdout } = spawnSync(compiler, ["--print", "target-libdir", "--target", RUST_TARGET], {
      encoding: "utf8",
    });
    return stdout !== null && existsSync(stdout.trim());
  });
}

export const rust: Tool = {
  name: `rustc for ${RUST_TARGET}`,
  install: "apt-get install rustc libstd-rust-dev-wasm32",
  isThere: () => rustc() !== undefined,
};

/** Debian's cargo and rustc, with the library for wasm32. */
export const cargo: Tool = {
  name: "cargo for wasm32",
  install: "apt-get install cargo rustc libstd-rust-dev-wasm32",
  isThere: () => existsSync("/usr/bin/cargo") && existsSync(`/usr/lib/rustlib/${RUST_TARGET}`),
};

/** A command that answers `--version`. */
export function command(name: string, install: string): Tool {
  return { name, install, isThere: () => spawnSync(name, ["--version"]).status === 0 };
}

export function file(name: string, path: string, install: string): Tool {
  return { name, install, isThere: () => existsSync(path) };
}

/** "missing clang, lld: apt-get install clang lld"; undefined where all are there. */
export function missing(tools: readonly Tool[]): string | undefined {
  const lacking = tools.filter((tool) => !tool.isThere());
  if (lacking.length === 0) return undefined;
  const APT = "apt-get install ";
  const packages = lacking.flatMap(({ install }) =>
    install.startsWith(APT) ? install.slice(APT.length).split(" ") : [],
  );
  const ways = [
    ...(packages.length > 0 ? [APT + [...new Set(packages)].join(" ")] : []),
    ...lacking.filter(({ install }) => !install.startsWith(APT)).map(({ install }) => install),
  ];
  return `missing ${lacking.map(({ name }) => name).join(", ")}: ${ways.join("; ")}`;
}

/** Whether clang finds a file among its libraries for wasm32: it answers the whole path of what it finds. */
function clangFile(name: string): boolean {
  const { stdout } = spawnSync("clang", ["--target=wasm32-wasi", `-print-file-name=${name}`], {
    encoding: "utf8",
  });
  return stdout !== null && existsSync(stdout.trim());
}
