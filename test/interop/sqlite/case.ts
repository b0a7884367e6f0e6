import type { Case } from "../case.ts";
import { needs, sqlite } from "./programs.ts";

/** SQLite of Debian's source package: a database in memory, with statements of ours. */
export default {
  title: "SQLite 3",
  needs,
  build: sqlite,
  wasi: { arguments: ["workload"] },
} satisfies Case;
