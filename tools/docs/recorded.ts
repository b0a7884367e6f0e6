/** Tables that a long-running command records in bench/results/, for the documents. */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Table } from "./markdown.ts";

const pathOf = (name: string): string =>
  fileURLToPath(new URL(`../../bench/results/${name}.json`, import.meta.url));

/** Returns the tables that were recorded under a name, or none. */
export function recordedTables(name: string): Readonly<Record<string, Table>> {
  const path = pathOf(name);
  if (!existsSync(path)) return {};
  return JSON.parse(readFileSync(path, "utf8")) as Record<string, Table>;
}

/** Records tables under a name. Tables that were recorded before, and are not among these, stay. */
export function recordTables(name: string, tables: Readonly<Record<string, Table>>): void {
  const all = { ...recordedTables(name), ...tables };
  const each = Object.entries(all).map(([key, { head, rows }]) => {
    const lines = rows.map((row) => `      ${oneLine(row)}`).join(",\n");
    return `  ${JSON.stringify(key)}: {\n    "head": ${oneLine(head)},\n    "rows": [\n${lines}\n    ]\n  }`;
  });
  writeFileSync(pathOf(name), `{\n${each.join(",\n")}\n}\n`);
}

const oneLine = (cells: readonly string[]): string =>
  `[${cells.map((cell) => JSON.stringify(cell)).join(", ")}]`;
