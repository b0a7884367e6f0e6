/** Samples of the command line: each is what a command prints now. Needs a built dist/. */

import { spawn } from "node:child_process";
import { copyFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Figure } from "./regions.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const RECORDED = "trace/recorded";

/** An invalid trace: its line 8 frees an id that is not live. */
const LOST = "0\n8\n5\n1\na 0 16\na 1 32\nf 0\nf 7\nf 1\n";

/** Runs `heapwright` and returns standard output, or standard error. */
function heapwright(
  args: readonly string[],
  { errors = false, folder = ROOT }: { errors?: boolean; folder?: string } = {},
): Promise<string> {
  const { promise, resolve, reject } = withResolvers<string>();
  const env = { ...process.env, COLUMNS: "80", LC_ALL: "C.UTF-8", NO_COLOR: "1" };
  const child = spawn(process.execPath, [join(ROOT, "dist/cli.js"), ...args], {
    cwd: folder,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  (errors ? child.stderr : child.stdout).setEncoding("utf8").on("data", (part) => (text += part));
  (errors ? child.stdout : child.stderr).resume();
  child.once("error", reject).once("close", () => {
    if (text === "")
      reject(new Error(`heapwright ${args.join(" ")} printed nothing: is dist/ built?`));
    else resolve(text.trimEnd());
  });
  return promise;
}

/** Promise.withResolvers(), which Node 20 lacks. */
function withResolvers<T>(): {
  promise: Promise<T>;
  resolve(value: T): void;
  reject(reason: unknown): void;
} {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

/** Runs `work` in a temporary folder. */
async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "heapwright-"));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Calls a function at most once. */
function once<T>(work: () => T): () => T {
  let done: { value: T } | undefined;
  return () => (done ??= { value: work() }).value;
}

const traces = (): string[] =>
  readdirSync(join(ROOT, RECORDED))
    .filter((name) => name.endsWith(".rep.gz"))
    .toSorted()
    .map((name) => `${RECORDED}/${name}`);

const replayed = once(() => heapwright(["replay", ...traces()]));

/** Returns the report of `replay`: its head, the rows of `only` or of all traces, and the map of one trace. */
async function replayReport(map: string, only?: string): Promise<string> {
  const [head, table, ...maps] = (await replayed()).split("\n\n");
  const rows = table!.split("\n");
  const rule = rows.findIndex((line) => line.startsWith("─"));
  const shown = rows.filter(
    (line, i) => i <= rule || only === undefined || line.startsWith(`${only} `),
  );
  return fenced(
    [head, shown.join("\n"), maps.find((each) => each.startsWith(`${map} at`))].join("\n\n"),
  );
}

const fenced = (text: string, language = ""): string => `\`\`\`${language}\n${text}\n\`\`\``;

/** Replaces the times in a report of `replay`, and the widths that depend on them. */
const withoutTimes = (text: string): string =>
  text
    .replaceAll(/^(\S+ +[\d,]+ +)\d+\.\d /gm, "$1… ")
    .replaceAll(/─+/g, "─")
    .replaceAll(/ +/g, " ");

const lost = once(() =>
  inFolder((folder) => {
    writeFileSync(join(folder, "lost.rep"), LOST);
    return heapwright(["replay", "lost.rep"], { errors: true, folder });
  }),
);

const COMPARE = ["--fit", "best", "--margin", "0,64K,1M,auto"];

/**
 * Replaces the times in a report of `compare`. They also decide the order of the rows and the lines below the table, so only the settings
 * are compared.
 */
const withoutOrder = (text: string): string =>
  text
    .split(/\n\n(?=Least|\*:)/)[0]!
    .split("\n")
    .map((line) => line.replace(/^[* ] /, "").replace(/% +\d+\.\d /, "% "))
    .map((line) => line.replaceAll(/ +/g, " ").replaceAll(/─+/g, "─").trim())
    .toSorted()
    .join("\n");

const LINK = ["link", "words.wasm", "-o", "words.heap.wasm"];
const linked = once(() =>
  inFolder((folder) => {
    copyFileSync(join(ROOT, "examples/c-interop/words.wasm"), join(folder, "words.wasm"));
    return heapwright(LINK, { folder });
  }),
);

/** A trace that needs more memory than the limit allows. */
const LIMITED = [`${RECORDED}/z3.rep.gz`, "--limit", "16M"];

export const SAMPLES: Readonly<Record<string, Figure>> = {
  "sample replay": { text: () => replayReport("nginx"), steady: withoutTimes },
  "sample replay of one trace": {
    text: () => replayReport("sqlite", "sqlite"),
    steady: withoutTimes,
  },
  "sample invalid trace": { text: async () => fenced(await lost()) },
  "sample invalid trace with its command": {
    text: async () => fenced(`$ npx heapwright replay lost.rep\n${await lost()}`),
  },
  "sample out of memory": {
    text: async () => fenced(await heapwright(["replay", ...LIMITED], { errors: true })),
  },
  "sample out of memory in compare": {
    text: async () =>
      fenced(
        await heapwright(["compare", ...LIMITED, "--fit", "best", "--margin", "auto"], {
          errors: true,
        }),
      ),
  },
  "sample compare": {
    text: async () =>
      fenced(
        `$ npx heapwright compare ${RECORDED}/*.rep.gz ${COMPARE.join(" ")}\n` +
          (await heapwright(["compare", ...traces(), ...COMPARE])),
      ),
    steady: withoutOrder,
  },
  "sample link": {
    text: async () => fenced(`$ npx heapwright ${LINK.join(" ")}\n${await linked()}`),
  },
};
