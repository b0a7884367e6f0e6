import { existsSync, mkdirSync } from "node:fs";
import { basename, join } from "node:path";

import { source, sources } from "../debian.ts";
import { Kit } from "../kit.ts";
import type { Program } from "../program.ts";
import { C, command, file } from "../tools.ts";

export const needs = [
  ...C,
  ...sources,
  command("make", "apt-get install make"),
  command("cc", "apt-get install gcc libc6-dev"),
  file("tclsh", "/usr/bin/tclsh", "apt-get install tcl"),
];

/** Without threads and files; what SQLite would keep in temporary files is in memory too. */
const OPTIONS = [
  "-DNDEBUG",
  "-w",
  "-DSQLITE_OS_OTHER=1",
  "-DSQLITE_THREADSAFE=0",
  "-DSQLITE_TEMP_STORE=3",
  "-DSQLITE_OMIT_LOAD_EXTENSION",
];

let programs: Program[] | undefined;

/** SQLite with the two workloads, of which the first argument names one (main.c). Built once for both cases. */
export function sqlite(): Program[] {
  programs ??= build(new Kit("sqlite"));
  return programs;
}

function build(kit: Kit): Program[] {
  const folder = source("sqlite3");
  // All of SQLite in one file, as its own makefile puts it together.
  const made = join(kit.out, basename(folder));
  if (!existsSync(join(made, "sqlite3.c"))) {
    mkdirSync(made, { recursive: true });
    kit.run(`${folder}/configure`, [], made);
    kit.run("make", ["sqlite3.c"], made);
  }
  return kit.wasi(["main.c", "vfs.c", "workload.c", `${made}/sqlite3.c`], {
    flags: [...OPTIONS, `-I${made}`, `-I${folder}`],
    libraries: ["-Wl,-z,stack-size=262144"],
  });
}
