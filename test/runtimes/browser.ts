/** Pages in Chromium: a server for them, which they send their reports to, and a browser that opens one. */

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Project } from "./project.ts";
import type { Program } from "./tools.ts";

/** A page that is isolated from others has SharedArrayBuffer. */
const ISOLATED = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};
/** Without 'wasm-unsafe-eval', WebAssembly may not be compiled. */
const STRICT = { "content-security-policy": "default-src 'self'; script-src 'self'" };

/** Page → the script that it runs, and the headers that it comes with. */
const PAGES: Readonly<Record<string, { script: string; headers: Record<string, string> }>> = {
  page: { script: "page", headers: ISOLATED },
  worker: { script: "worker", headers: ISOLATED },
  worklet: { script: "worklet", headers: ISOLATED },
  open: { script: "page", headers: {} },
  strict: { script: "page", headers: { ...ISOLATED, ...STRICT } },
  bundles: { script: "bundles", headers: ISOLATED },
};

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Seconds after which a page should have reported. */
const LIMIT = 300;

export class Browser {
  readonly #chromium: Program;
  readonly #server: Server;
  /** What a page reports goes to whoever opened it; there is one at a time. */
  #reported: (report: unknown) => void = () => {};

  private constructor(chromium: Program, project: Project) {
    this.#chromium = chromium;
    const folders: Readonly<Record<string, string>> = {
      heapwright: join(project.installed, "dist"),
      places: join(project.folder, "places"),
      bundles: join(project.folder, "bundles"),
    };
    this.#server = createServer((request, response) => {
      if (request.method === "POST") void this.#take(request, response);
      else serve(request.url!, folders, response);
    });
  }

  static async start(chromium: Program, project: Project): Promise<Browser> {
    const browser = new Browser(chromium, project);
    await new Promise<void>((resolve) => browser.#server.listen(0, "127.0.0.1", resolve));
    return browser;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** What a page reports, opened in a browser of its own. Throws where it reports nothing, or an error. */
  async open(page: string, query: Readonly<Record<string, unknown>>): Promise<unknown> {
    const { port } = this.#server.address() as AddressInfo;
    const url = new URL(`http://127.0.0.1:${port}/${page}`);
    for (const [name, value] of Object.entries(query)) {
      url.searchParams.set(name, JSON.stringify(value));
    }
    const profile = mkdtempSync(join(tmpdir(), "heapwright-chromium-"));
    const { path, env } = this.#chromium;
    const child = spawn(path, [...FLAGS, `--user-data-dir=${profile}`, url.href], {
      env: { ...process.env, ...env },
      stdio: ["ignore", "ignore", "pipe"],
      // With its own processes, to be ended with them.
      detached: process.platform !== "win32",
    });
    let complaint = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (complaint += text));
    const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
    let timer: NodeJS.Timeout | undefined;
    try {
      const report = await new Promise<{ error?: string }>((resolve, reject) => {
        this.#reported = (value) => resolve(value as { error?: string });
        child.on("error", reject);
        const none = (why: string): void =>
          reject(new Error(`Chromium ${why} without a report from /${page}\n${complaint}`));
        child.on("close", (code) => none(`ended with ${code}`));
        timer = setTimeout(() => none(`ran for ${LIMIT} s`), LIMIT * 1000);
      });
      if (report.error !== undefined) throw new Error(report.error);
      return report;
    } finally {
      clearTimeout(timer);
      if (child.pid !== undefined && child.exitCode === null) {
        if (process.platform === "win32") child.kill();
        else process.kill(-child.pid, "SIGKILL");
        await ended;
      }
      rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    }
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = "";
    for await (const text of request.setEncoding("utf8")) body += text as string;
    response.end();
    this.#reported(JSON.parse(body));
  }
}

function serve(
  url: string,
  folders: Readonly<Record<string, string>>,
  response: ServerResponse,
): void {
  const { pathname } = new URL(url, "http://localhost");
  const [, folder, ...path] = pathname.split("/");
  const page = PAGES[folder!];
  if (page !== undefined && path.length === 0) {
    response.writeHead(200, { ...page.headers, "content-type": "text/html" });
    response.end(`<!doctype html><script type="module" src="/places/${page.script}.js"></script>`);
    return;
  }
  try {
    const body = readFileSync(join(folders[folder!]!, ...path));
    const type = pathname.endsWith(".wasm") ? "application/wasm" : "text/javascript";
    // A worker's script has to be isolated as its page is.
    response.writeHead(200, { ...ISOLATED, "content-type": type });
    response.end(body);
  } catch {
    response.writeHead(404).end();
  }
}
