/** The README's example as each bundler made it, one after the other: `?bundles=[…]` are their addresses. */

import { report } from "./browser.ts";

/** What the example leaves behind (../bundlers.ts). */
const example = globalThis as { result?: unknown };

void report(async () => {
  const bundles = JSON.parse(new URLSearchParams(location.search).get("bundles")!) as string[];
  const results: Record<string, unknown> = {};
  for (const bundle of bundles) {
    try {
      await import(bundle);
      results[bundle] = example.result;
    } catch (error) {
      results[bundle] = String(error);
    }
    delete example.result;
  }
  return results;
});
