// Builds the peers into out/peers/: npx tsx bench/peers.ts [--again]
//
// dlmalloc and emmalloc as in Emscripten, mimalloc and wasi-libc's dlmalloc are built with clang from Debian's packages.
// AssemblyScript's TLSF and @thi.ng/malloc come from npm. None of this is in the repository. A peer that cannot be built is
// left out with a message, and the bench measures the others.
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { OUT } from "./allocators.ts";
import { run, say, sourcePackage, Unavailable } from "./debian.ts";

const SOURCES = fileURLToPath(new URL("peers/", import.meta.url));
const PEERS = `${OUT}peers/`;
const WASI_LIBC = "/usr/lib/wasm32-wasi/libc.a";
const PACKAGES = ["clang", "lld", "llvm-14", "wasi-libc", "libclang-rt-dev-wasm32", "dpkg-dev"];

/** The version of @thi.ng/malloc to measure. */
const THI_NG = "@thi.ng/malloc@6.1.150";

/** The file with the versions of the peers that were built. */
export const VERSIONS = `${PEERS}versions.json`;

const runs = (command: string, args: readonly string[]): boolean =>
  spawnSync(command, args).status === 0;

/** Checks that clang can build for wasm32-wasi. Root installs missing packages; others get `Unavailable`. */
function needTools(): void {
  const ready = (): boolean =>
    existsSync(WASI_LIBC) &&
    runs("clang", ["--version"]) &&
    runs("wasm-ld", ["--version"]) &&
    runs("llvm-ar-14", ["--version"]);
  if (ready()) return;
  const install = `apt-get install ${PACKAGES.join(" ")}`;
  if (!runs("apt-get", ["--version"])) throw new Unavailable("needs Debian's apt-get");
  if (process.getuid?.() !== 0)
    throw new Unavailable(`needs tools that only root may install: ${install}`);
  say(`peers: installing tools: ${install}`);
  const options = ["-y", "-q", "--no-install-recommends"];
  if (!runs("apt-get", ["install", ...options, ...PACKAGES])) {
    run("apt-get", ["update", "-q"]);
    run("apt-get", ["install", ...options, ...PACKAGES]);
  }
  if (!ready())
    throw new Unavailable(`clang, wasm-ld or llvm-ar-14 is still missing after: ${install}`);
}

/** Compiles peers/NAME.c to a reactor module that exports malloc, free and so on. */
function compile(name: string, aligned: string, flags: readonly string[]): void {
  const target = [
    "--target=wasm32-wasi",
    "-O3",
    "-DNDEBUG",
    "-mbulk-memory",
    "-mexec-model=reactor",
    "-w",
  ];
  const exported = ["malloc", "free", "calloc", "realloc", aligned].map(
    (symbol) => `-Wl,--export=${symbol}`,
  );
  run("clang", [
    ...target,
    "-Wl,--strip-all",
    ...exported,
    ...flags,
    `${SOURCES}${name}.c`,
    "-o",
    `${PEERS}${name}.wasm`,
  ]);
}

function emscripten(name: string, flags: readonly string[]): string {
  needTools();
  const { folder, version } = sourcePackage("emscripten");
  compile(name, "memalign", [`-I${SOURCES}include`, `-I${folder}`, ...flags]);
  return `Emscripten ${version} (Debian)`;
}

/** How to build each peer. A recipe returns the peer's version. */
const RECIPES: Readonly<Record<string, () => string>> = {
  "em-dlmalloc": () => emscripten("em-dlmalloc", ["-ftls-model=local-exec"]),
  "wasi-dlmalloc": () => {
    needTools();
    compile("wasi-dlmalloc", "aligned_alloc", []);
    return `wasi-libc ${run("dpkg-query", ["-W", "-f", "${Version}", "wasi-libc"])} (Debian)`;
  },
  mimalloc: () => {
    needTools();
    const { folder, version } = sourcePackage("mimalloc");
    // Link with a wasi-libc without malloc: its names would clash with mimalloc's.
    const library = `${OUT}lib/`;
    mkdirSync(library, { recursive: true });
    copyFileSync(WASI_LIBC, `${library}libc.a`);
    run("llvm-ar-14", ["d", `${library}libc.a`, "dlmalloc.o"]);
    compile("mimalloc", "memalign", [`-I${folder}/src`, `-I${folder}/include`, `-L${library}`]);
    return `${version} (Debian)`;
  },
  // emmalloc accesses the same words as several types, so strict aliasing breaks its realloc (wasi-libc #421).
  emmalloc: () => emscripten("emmalloc", ["-fno-strict-aliasing"]),
  "as-tlsf": () => {
    const manifest = createRequire(import.meta.url).resolve("assemblyscript/package.json");
    const asc = `${dirname(manifest)}/bin/asc.js`;
    const flags = ["--runtime", "minimal", "-O3", "--noAssert", "-o", `${PEERS}as-tlsf.wasm`];
    run(process.execPath, [asc, fileURLToPath(new URL("wasm/tlsf.ts", import.meta.url)), ...flags]);
    return `AssemblyScript ${(JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version}`;
  },
  "@thi.ng/malloc": () => {
    writeFileSync(`${PEERS}package.json`, "{}\n");
    run("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", THI_NG], PEERS);
    return THI_NG.slice(THI_NG.lastIndexOf("@") + 1);
  },
};

/** Builds the missing peers, or all if `again`. A peer that cannot be built is reported, not thrown. */
export function buildPeers(again = false): void {
  mkdirSync(PEERS, { recursive: true });
  const versions: Record<string, string> = existsSync(VERSIONS)
    ? (JSON.parse(readFileSync(VERSIONS, "utf8")) as Record<string, string>)
    : {};
  for (const [name, recipe] of Object.entries(RECIPES)) {
    const product = name.startsWith("@") ? `${PEERS}node_modules/${name}` : `${PEERS}${name}.wasm`;
    if (again) rmSync(product, { recursive: true, force: true });
    if (!existsSync(product)) delete versions[name];
    if (versions[name]) continue;
    try {
      versions[name] = recipe();
      say(`peers: ${name} ${versions[name]}`);
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      say(`peers: ${name} is left out: ${error.message}`);
    }
  }
  writeFileSync(VERSIONS, `${JSON.stringify(versions, undefined, 2)}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  buildPeers(process.argv.includes("--again"));
