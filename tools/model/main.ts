// npm run model [-- --huge] [-- --steps]: explores the models of the shared heap; --steps prints how each fault shows.

import { explore, type Model } from "./explore.ts";
import { FAULTS, HUGE, LONG, QUICK } from "./runs.ts";

const printsSteps = process.argv.includes("--steps");

/** Explores a model, prints what came out, and returns whether that was expected. */
function run(model: Model, isFaulty: boolean): boolean {
  const start = performance.now();
  const { name, states, moves, broken, steps } = explore(model);
  const asExpected = isFaulty === (broken !== undefined);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(
    `${asExpected ? "ok " : "BAD"} ${String(states).padStart(9)} states ${String(moves).padStart(10)} moves ${seconds.padStart(7)} s  ${name}`,
  );
  if (broken !== undefined) console.log(`      ${broken}, after ${steps.length} steps`);
  if (broken !== undefined && (printsSteps || !asExpected))
    for (const step of steps) console.log(`        ${step}`);
  return asExpected;
}

const models = [...QUICK, ...LONG, ...(process.argv.includes("--huge") ? HUGE : [])];
const results = [
  ...models.map((model) => run(model, false)),
  ...FAULTS.map((model) => run(model, true)),
];
if (results.includes(false)) process.exitCode = 1;
