/**
 * What recording costs: a program alone, under the recorder of `heapwright record`, and under heaptrack if it is installed.
 *
 *     npx tsx bench/record.ts python3 script.py
 *
 * Time is the least processor time of five runs. Events and bytes are those of the log, before it is converted.
 */

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { recorder } from "../cli/record.ts";
import { eventsOf } from "../cli/record-log.ts";

const ROUNDS = 5;

/** Where Debian has heaptrack's recorder. Here it writes its raw form, which is not compressed. */
const HEAPTRACK = "/usr/lib/heaptrack/libheaptrack_preload.so";

interface Figures {
  readonly milliseconds: number;
  readonly events: number;
  readonly bytes: number;
}

/** The processor time of a command, in milliseconds. */
function measure(command: string, args: string[], env: Record<string, string> = {}): number {
  const assignments = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const script = 'env "$@" >/dev/null 2>&1 </dev/null || exit 1; times';
  const { status, stdout } = spawnSync(
    "sh",
    ["-c", script, "sh", ...assignments, command, ...args],
    {
      encoding: "utf8",
    },
  );
  if (status !== 0) throw new Error(`${command} failed`);
  // The second line is that of the children: 0m1.250000s 0m0.030000s
  const parts = [...stdout.split("\n")[1]!.matchAll(/(\d+)m([\d.]+)s/g)];
  return parts.reduce((sum, [, m, s]) => sum + 1000 * (60 * Number(m) + Number(s)), 0);
}

function best(run: (folder: string) => Figures): Figures {
  const rounds = Array.from({ length: ROUNDS }, () => {
    const folder = mkdtempSync(join(tmpdir(), "heapwright-bench-"));
    try {
      return run(folder);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
  return rounds.reduce((a, b) => (a.milliseconds < b.milliseconds ? a : b));
}

const [command, ...args] = process.argv.slice(2);
if (command === undefined) {
  console.error("usage: npx tsx bench/record.ts PROGRAM [ARGS...]");
  process.exit(2);
}

const library = recorder();
const alone = best(() => ({ milliseconds: measure(command, args), events: 0, bytes: 0 }));
const ours = best((folder) => {
  const env = { LD_PRELOAD: library, HEAPWRIGHT_RECORD: folder };
  const milliseconds = measure(command, args, env);
  const calls = readdirSync(folder).filter((name) => name.endsWith(".calls"));
  const counts = calls.map((name) => eventsOf(join(folder, name)));
  const events = Math.max(...counts);
  const stacks = calls[counts.indexOf(events)]!.replace(/calls$/, "stacks");
  return { milliseconds, events, bytes: 24 * events + statSync(join(folder, stacks)).size };
});
const heaptrack = existsSync(HEAPTRACK)
  ? best((folder) => {
      const output = join(folder, "raw");
      const env = { LD_PRELOAD: HEAPTRACK, DUMP_HEAPTRACK_OUTPUT: output };
      const milliseconds = measure(command, args, env);
      return { milliseconds, events: ours.events, bytes: statSync(output).size };
    })
  : undefined;

console.log(`alone       ${alone.milliseconds.toFixed(0)} ms`);
for (const [name, figures] of Object.entries({ heapwright: ours, heaptrack })) {
  if (figures === undefined) continue;
  const { milliseconds, events, bytes } = figures;
  const each = ((milliseconds - alone.milliseconds) * 1e6) / events;
  console.log(
    `${name.padEnd(11)} ${milliseconds.toFixed(0)} ms, ${events} events: ${each.toFixed(0)} ns and ${(bytes / events).toFixed(1)} bytes an event`,
  );
}
