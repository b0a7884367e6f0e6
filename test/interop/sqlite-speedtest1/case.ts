import type { Case } from "../case.ts";
import { needs, sqlite } from "../sqlite/programs.ts";

/** SQLite's own test of speed, which prints a hash of all that its statements answer. */
export default {
  title: "SQLite's speedtest1",
  needs,
  build: sqlite,
  wasi: { arguments: ["speedtest1", "--memdb", "--verify", "--size", "15"] },
} satisfies Case;
