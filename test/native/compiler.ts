/** The C compilers of this machine, and what they make. */

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The project's folder. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

/** Those of gcc and clang that are there; CC, if it is set, alone. */
export const compilers: readonly string[] = (
  process.env["CC"] === undefined ? ["gcc", "clang"] : [process.env["CC"]]
).filter((name) => spawnSync(name, ["--version"]).status === 0);

/** One of them; undefined if there is none. */
export const compiler: string | undefined = compilers[0];

export const STRICT = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"];

/** Compiles; throws what the compiler prints. */
export function compile(by: string, args: readonly string[]): void {
  execFileSync(by, args, { cwd: root, stdio: ["ignore", "ignore", "pipe"] });
}

/** Whether a compiler can build a program with these options and run it. */
export function supports(by: string, options: readonly string[]): boolean {
  return inFolder((folder) => {
    const program = join(folder, "empty");
    const input = "int main(void) { return 0; }";
    const made = spawnSync(by, [...options, "-x", "c", "-", "-o", program], { input });
    return made.status === 0 && spawnSync(program).status === 0;
  });
}

/** Gives a function a folder that is deleted after it. */
export function inFolder<Result>(use: (folder: string) => Result): Result {
  const folder = mkdtempSync(join(tmpdir(), "heapwright-"));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
