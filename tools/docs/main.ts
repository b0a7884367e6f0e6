// npm run docs:figures: replaces the generated figures, tables and samples in the documents (regions.ts).

import { writeFileSync } from "node:fs";
import { DOCUMENTS, readDocument, ROOT } from "./documents.ts";

for (const path of DOCUMENTS) {
  const { text, current } = await readDocument(path);
  if (text === current) continue;
  writeFileSync(ROOT + path, current);
  console.log(`updated ${path}`);
}
