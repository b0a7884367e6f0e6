// Builds the peers into out/peers/: npx tsx bench/peers.ts [--again]
//
// dlmalloc and emmalloc as Emscripten ships them, mimalloc, wasi-libc's dlmalloc: from Debian's packages, by clang.
// AssemblyScript's TLSF and @thi.ng/malloc: from npm's. Nothing of theirs is tracked. Where a peer can't be had it is left
// out with a message: the bench measures those that are there.
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

/** The release of @thi.ng/malloc that is measured. */
const THI_NG = "@thi.ng/malloc@6.1.150";

/** Where the versions of what was built are kept. */
export const VERSIONS = `${PEERS}versions.json`;

const runs = (command: string, args: readonly string[]): boolean =>
  spawnSync(command, args).status === 0;

/** Sees to it that clang builds for wasm32-wasi; installs Debian's packages where it may. */
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
    throw new Unavailable(`clang, wasm-ld or llvm-ar-14 still missing after: ${install}`);
}

/** Compiles peers/NAME.c to a reactor that exports the C names. */
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

/** How each peer is built; answers its version. */
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
    // Without wasi-libc's own malloc, whose names clash with the peer's.
    const library = `${OUT}lib/`;
    mkdirSync(library, { recursive: true });
    copyFileSync(WASI_LIBC, `${library}libc.a`);
    run("llvm-ar-14", ["d", `${library}libc.a`, "dlmalloc.o"]);
    compile("mimalloc", "memalign", [`-I${folder}/src`, `-I${folder}/include`, `-L${library}`]);
    return `${version} (Debian)`;
  },
  // It reads the same words under several types: under strict aliasing its realloc is compiled wrong (wasi-libc #421).
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

/** Builds the peers that are missing, or all `again`. Never throws for a peer that can't be had. */
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
