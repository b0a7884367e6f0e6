/** What the places of a browser have in common. */

import type { Here, WasmFile } from "../suite/place.ts";

/** Returns the Here that the address of the page contains. */
export async function placeHere(): Promise<Here> {
  const place = new URLSearchParams(location.search).get("place")!;
  const files = [
    await file("heap.wasm", false),
    await file("heap.shared.wasm", true),
    await file("heap.debug.wasm", false),
  ];
  return { ...JSON.parse(place), files };
}

async function file(name: string, shared: boolean): Promise<WasmFile> {
  const response = await fetch(`/heapwright/${name}`);
  if (!response.ok) throw new Error(`${response.url}: ${response.status}`);
  return { name, shared, bytes: new Uint8Array(await response.arrayBuffer()) };
}

/** Sends what came of it to the server, or what went wrong. */
export async function report(work: () => Promise<object>): Promise<void> {
  const failed = new Promise<never>((_, reject) => {
    addEventListener("error", (event) => reject(event.error ?? new Error(event.message)));
    addEventListener("unhandledrejection", (event) => reject(event.reason as Error));
  });
  let body: object;
  try {
    body = await Promise.race([work(), failed]);
  } catch (error) {
    body = { error: String((error as Error)?.stack ?? error) };
  }
  await fetch("/report", { method: "POST", body: JSON.stringify(body) });
}
