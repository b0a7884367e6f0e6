// What keeps the package from being released as it stands.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A sentence for each, with what to do about it. `env` is that of the process: a workflow says there what it may do. */
export function faults(root: string, env: NodeJS.ProcessEnv): string[] {
  const read = (name: string): string => readFileSync(join(root, name), "utf8");
  const { version, repository } = JSON.parse(read("package.json")) as {
    version: string;
    repository?: { url?: string };
  };
  const found: string[] = [];
  if (!repository?.url) {
    found.push(
      "package.json has no repository, which provenance compares with where the package was built: " +
        'add "repository": { "type": "git", "url": … }',
    );
  }
  const heading = /^## .*$/m.exec(read("CHANGELOG.md"))?.[0];
  if (heading !== `## ${version}`) {
    found.push(
      `CHANGELOG.md begins with "${heading}", not with "## ${version}": run npm run release:version, or write it`,
    );
  }
  const waiting = readdirSync(join(root, ".changeset")).filter((name) => name.endsWith(".md"));
  if (waiting.length > 0) {
    found.push(`.changeset/ has changes of no version yet: run npm run release:version`);
  }
  if (!env.ACTIONS_ID_TOKEN_REQUEST_URL) {
    found.push(
      `this is no GitHub workflow with the permission "id-token: write", so nothing can vouch for where the package ` +
        `was built: push the tag v${version}, and the workflow releases it`,
    );
  } else if (env.GITHUB_REF_NAME !== `v${version}`) {
    found.push(`the tag is ${env.GITHUB_REF_NAME}, but the version ${version}: tag v${version}`);
  }
  return found;
}
