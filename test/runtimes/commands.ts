/** Running other programs. */

import { spawn } from "node:child_process";

export interface Options {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  /** Seconds after which it is ended. */
  readonly limit?: number;
}

/** Returns what a program prints. Throws what it writes to stderr if it fails. */
export async function run(
  program: string,
  args: readonly string[],
  { cwd, env, limit = 300 }: Options = {},
): Promise<string> {
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: limit * 1000,
    killSignal: "SIGKILL",
  });
  let printed = "";
  let complaint = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (printed += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (complaint += text));
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>(
    (resolve, reject) => {
      child.on("error", reject);
      child.on("close", (...end) => resolve(end));
    },
  );
  if (code === 0) return printed;
  const end =
    signal === "SIGKILL" ? `did not end within ${limit} s` : `ended with ${code ?? signal}`;
  throw new Error(`${[program, ...args].join(" ")} ${end}\n${complaint}${printed}`.trimEnd());
}

/** What npm prints. `loud` lets it show its progress instead. */
export async function npm(args: readonly string[], cwd: string, loud = false): Promise<string> {
  // The npm that runs this, without a shell in between, which Windows would need.
  const { npm_execpath: script } = process.env;
  const [program, first] = script === undefined ? ["npm", []] : [process.execPath, [script]];
  if (!loud) return run(program, [...first, ...args], { cwd });
  const child = spawn(program, [...first, ...args], { cwd, stdio: ["ignore", 2, 2] });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) =>
      code === 0 ? resolve("") : reject(new Error(`npm ${args.join(" ")} ended with ${code}`)),
    );
  });
}
