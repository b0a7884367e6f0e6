// Fetches Debian's source packages, to build programs from sources that are not in this repository.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { OUT } from "./allocators.ts";

const APT = `${OUT}apt/`;

/** The environment without npm's folders in PATH: clang runs the first wasm-opt in PATH, and npm's has another version. */
export const ENVIRONMENT = {
  ...process.env,
  PATH: process.env["PATH"]
    ?.split(":")
    .filter((folder) => !folder.includes("node_modules"))
    .join(":"),
};

/** Something that is needed is unavailable. The message says what, and what to do. */
export class Unavailable extends Error {}

export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Runs a command and returns its output. Throws `Unavailable` with the last lines of its errors if it fails. */
export function run(command: string, args: readonly string[], folder = OUT): string {
  const options = { cwd: folder, env: ENVIRONMENT, encoding: "utf8", maxBuffer: 2 ** 28 } as const;
  const { status, stdout, stderr, error } = spawnSync(command, args, options);
  if (error) throw new Unavailable(`Cannot start ${command}: ${error.message}`);
  if (status !== 0)
    throw new Unavailable(`${command} failed: ${stderr.trim().split("\n").slice(-4).join("\n  ")}`);
  return stdout;
}

/** Makes package lists for sources from the machine's lists for binaries, which stay unchanged. Returns options for apt-get. */
function needSourceLists(): string[] {
  const lists = `${APT}sources/`;
  mkdirSync(lists, { recursive: true });
  mkdirSync(`${APT}lists/partial`, { recursive: true });
  const parts = "/etc/apt/sources.list.d/";
  const files = [
    "/etc/apt/sources.list",
    ...(existsSync(parts) ? readdirSync(parts).map((name) => parts + name) : []),
  ];
  files
    .filter((file) => existsSync(file) && /\.(list|sources)$/.test(file))
    .forEach((file, index) => {
      const text = readFileSync(file, "utf8");
      const sources = file.endsWith(".list")
        ? text.replace(/^deb\s/gm, "deb-src ")
        : text.replace(/^Types:.*/gim, "Types: deb-src");
      writeFileSync(`${lists}${index}.${file.endsWith(".list") ? "list" : "sources"}`, sources);
    });
  return [
    "Dir::Etc::sourcelist=/dev/null",
    `Dir::Etc::sourceparts=${lists}`,
    `Dir::State::lists=${APT}lists`,
  ].flatMap((option) => ["-o", option]);
}

/** Unpacks a Debian source package, if that was not done before. Returns its folder and version. Throws `Unavailable`. */
export function sourcePackage(name: string): { folder: string; version: string } {
  const unpacked = `${APT}src/`;
  mkdirSync(unpacked, { recursive: true });
  const find = (): string | undefined =>
    readdirSync(unpacked).find((entry) => new RegExp(`^${name}-[^/]*$`).test(entry));
  if (!find()) {
    const options = needSourceLists();
    say(`fetching Debian's source package ${name}`);
    spawnSync("apt-get", [...options, "update", "-q"]);
    run("apt-get", [...options, "source", "-q", name], unpacked);
  }
  const entry = find();
  if (!entry) throw new Unavailable(`apt-get source ${name} made no folder`);
  const folder = join(unpacked, entry);
  const version =
    /\((.+?)\)/.exec(readFileSync(join(folder, "debian/changelog"), "utf8"))?.[1] ?? "?";
  return { folder, version };
}
