/** What keeps a release back. */

import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { faults } from "../../tools/release/faults.ts";

const WORKFLOW = { ACTIONS_ID_TOKEN_REQUEST_URL: "there", GITHUB_REF_NAME: "v1.2.3" };

/** A project that can be released, and then can't. */
let project: string;

const write = (name: string, text: string): void => writeFileSync(join(project, name), text);
const describe = (manifest: object): void => write("package.json", JSON.stringify(manifest));

beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), "heapwright-"));
  mkdirSync(join(project, ".changeset"));
  cpSync(".changeset/config.json", join(project, ".changeset/config.json"));
  describe({ version: "1.2.3", repository: { type: "git", url: "somewhere" } });
  write("CHANGELOG.md", "# Changes\n\n## 1.2.3\n\n- new\n\n## 1.2.2\n");
});

afterEach(() => rmSync(project, { recursive: true }));

it("nothing, where all is in place", () => {
  expect(faults(project, WORKFLOW)).toEqual([]);
});

it("a package that does not say where it comes from", () => {
  describe({ version: "1.2.3" });
  expect(faults(project, WORKFLOW)).toEqual([
    expect.stringMatching(/^package.json has no repository/),
  ]);
});

it("a version that the change log does not begin with", () => {
  write("CHANGELOG.md", "# Changes\n\n## 1.2.3, not released yet\n");
  expect(faults(project, WORKFLOW)).toEqual([
    expect.stringMatching(/"## 1.2.3, not released yet"/),
  ]);
});

it("a change of no version", () => {
  write(".changeset/kind-words.md", '---\n"heapwright": patch\n---\n\nSaid better.\n');
  expect(faults(project, WORKFLOW)).toEqual([expect.stringMatching(/changes of no version/)]);
});

it("a place that can't vouch for it, and a tag of another version", () => {
  expect(faults(project, {})).toEqual([expect.stringMatching(/push the tag v1.2.3/)]);
  expect(faults(project, { ...WORKFLOW, GITHUB_REF_NAME: "v1.2.2" })).toEqual([
    "the tag is v1.2.2, but the version 1.2.3: tag v1.2.3",
  ]);
});
