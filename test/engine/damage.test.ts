/** A short run of `npm run fuzz:damage`, which has the rules: both engines on heaps of which words were overwritten. */

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const MAIN = fileURLToPath(new URL("../damage/main.ts", import.meta.url));
const { SEED } = process.env;
const seed = SEED ?? `${Math.floor(Math.random() * 2 ** 30)}`;

test("a damaged heap neither hangs nor leaves its own memory", { timeout: 60_000 }, async () => {
  console.log(`damage: seed ${seed} (SEED=${seed} runs the same cases)`);
  const args = ["--import", "tsx", MAIN, "--cases", "2000", "--seed", seed];
  const { stdout } = await promisify(execFile)(process.execPath, args).catch(
    (error: { stdout: string }) => error,
  );
  expect(stdout).not.toContain("--engine");
  expect(stdout).toMatch(/cases\D+1,000\D+1,000/);
});
