/** What --json prints, against docs/cli.schema.json. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, test } from "vitest";

import { fileOf, folder, good, heapwright, jsonLines, large, packed } from "./run-cli.ts";
import { uneven } from "./uneven.ts";

type Schema = { [name: string]: unknown };

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SCHEMA = JSON.parse(readFileSync(join(ROOT, "docs/cli.schema.json"), "utf8")) as Schema;

/** The same schema, but a property that it does not describe is an error. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== "object" || schema === null) return schema;
  const each = Object.entries(schema).map(([name, value]) => [name, closed(value)]);
  const copy = Object.fromEntries(each) as Schema;
  return typeof copy["properties"] === "object" && Array.isArray(copy["required"])
    ? { ...copy, additionalProperties: false }
    : copy;
}

const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true });
ajv.addSchema(closed(SCHEMA) as Schema, "cli");

function faults(verb: string, line: unknown): unknown {
  const validate = ajv.getSchema(`cli#/$defs/${verb}`)!;
  return validate(line) ? [] : validate.errors;
}

async function expectValid(verb: string, ...args: string[]): Promise<Record<string, unknown>[]> {
  const lines = jsonLines((await heapwright(verb, "--json", ...args)).out);
  for (const line of lines) expect(faults(verb, line)).toEqual([]);
  return lines;
}

test("replay", async () => {
  const nothing = fileOf("nothing.rep", "0\n1\n2\n1\na 0 0\nf 0\n");
  expect(await expectValid("replay", uneven, good, nothing)).toHaveLength(3);
  await expectValid("replay", "--check", "1", "--small", "0", "--engine", "js", packed);
  const [failed] = await expectValid("replay", "--limit", "1M", "--margin", "64K", large);
  expect(failed!["firstFailure"]).toBeTypeOf("string");
});

test("compare", async () => {
  expect(await expectValid("compare", "--margin", "0,64K,auto", uneven, good)).toHaveLength(9);
  await expectValid("compare", "--limit", "1M", "--fit", "best", large);
});

test.each(["leaks", "stats"])("%s", async (verb) => {
  const sites = "0\n1\n1\n1\ns 1 0 main @ app.c:3\na 0 8 @1 +5\n";
  expect(await expectValid(verb, fileOf("sites.rep", sites), good)).toHaveLength(2);
});

test("link", async () => {
  const [line] = await expectValid(
    "link",
    join(ROOT, "examples/c-interop/words.wasm"),
    "-o",
    join(folder, "words.heap.wasm"),
  );
  expect(line).toMatchObject({ bound: { env: ["malloc", "free"] }, heapBegins: "__heap_base" });
  const { length } = readFileSync(join(folder, "words.heap.wasm"));
  expect(line!["outputBytes"]).toBe(length);
}, 60_000);

test("the schema refuses what it does not describe", async () => {
  const [line] = jsonLines((await heapwright("replay", "--json", good)).out);
  expect(faults("replay", line)).toEqual([]);
  expect(faults("replay", { ...line, version: 2 })).not.toEqual([]);
  expect(faults("replay", { ...line, surprise: 1 })).not.toEqual([]);
  expect(faults("replay", { ...line, ops: undefined })).not.toEqual([]);
  expect(faults("replay", { ...line, utilisation: 1.5 })).not.toEqual([]);
});

test("every property has a description", () => {
  const visit = (schema: unknown, path: string): void => {
    if (typeof schema !== "object" || schema === null) return;
    for (const [name, value] of Object.entries(schema)) {
      if (name === "properties") {
        for (const [property, its] of Object.entries(value as Schema)) {
          expect(its, `${path}.${property}`).toHaveProperty("description");
        }
      }
      visit(value, `${path}.${name}`);
    }
  };
  visit(SCHEMA, "");
});
