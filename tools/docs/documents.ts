/** The documents with generated figures. */

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { FIGURES } from "./figures.ts";
import { updated } from "./regions.ts";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Paths from the root. */
export const DOCUMENTS = [
  "README.md",
  "CONTRIBUTING.md",
  ...readdirSync(`${ROOT}docs`)
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
  "trace/README.md",
];

export interface Document {
  readonly path: string;
  /** The text of the file. */
  readonly text: string;
  /** The text with the current figures. */
  readonly current: string;
}

/** Reads a document and generates its figures. Throws an error that names the document. */
export async function readDocument(path: string): Promise<Document> {
  const text = readFileSync(ROOT + path, "utf8");
  try {
    return { path, text, current: await updated(text, FIGURES) };
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`, { cause: error });
  }
}
