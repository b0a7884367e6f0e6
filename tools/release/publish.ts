// Publishes the package on npm, with provenance, and on JSR; or says all that is in the way.

import { execFileSync } from "node:child_process";
import { faults } from "./faults.ts";

const found = faults(".", process.env);
for (const fault of found) console.error(`release: ${fault}`);
if (found.length > 0) process.exit(1);

const run = (command: string, ...args: string[]): void => {
  execFileSync(command, args, { stdio: "inherit" });
};
run("npm", "publish", "--provenance", "--access", "public");
run("tools/release/node_modules/.bin/jsr", "publish");
