// Turns the changes in .changeset/ into a new version: CHANGELOG.md, and every file that names the version.

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

execFileSync("tools/release/node_modules/.bin/changeset", ["version"], { stdio: "inherit" });
const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
for (const name of ["jsr.json", "package-lock.json"]) {
  const file = JSON.parse(readFileSync(name, "utf8")) as {
    version: string;
    packages?: { "": { version: string } };
  };
  file.version = version;
  if (file.packages) file.packages[""].version = version;
  writeFileSync(name, `${JSON.stringify(file, null, 2)}\n`);
}
execFileSync("node_modules/.bin/oxfmt", ["jsr.json", "CHANGELOG.md"], { stdio: "inherit" });
