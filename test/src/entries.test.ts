/**
 * The entries as they are built, in places that have less than Node: what an AudioWorklet lacks, a content security policy
 * that forbids WebAssembly, no WebAssembly at all. A new realm has the language and nothing of the platform.
 */

import { createContext, runInContext, type Context } from "node:vm";
import { build, transform } from "esbuild";
import { beforeAll, describe, expect, it } from "vitest";

const ENTRIES = ["index", "inline", "js"] as const;
type Entry = (typeof ENTRIES)[number];

interface Place {
  readonly name: string;
  /** The message if WebAssembly is requested and unavailable. */
  readonly refusal?: RegExp;
  readonly make: () => Context;
}

const WORKLET: Place = { name: "an AudioWorklet", make: () => createContext({}) };
const STRICT: Place = {
  name: "a page whose policy forbids WebAssembly",
  refusal:
    /^BAD_OPTIONS: The engine "wasm" is not allowed \(CompileError: .+\): (.+)\. .+'wasm-unsafe-eval'/,
  make: () => createContext({}, { codeGeneration: { strings: false, wasm: false } }),
};
const WITHOUT: Place = {
  name: "a place without WebAssembly",
  refusal: /^BAD_OPTIONS: The engine "wasm" needs WebAssembly, which is unavailable: (.+)\.$/,
  make() {
    const context = createContext({});
    runInContext("delete globalThis.WebAssembly", context);
    return context;
  },
};

const scripts = {} as Record<Entry, string>;

/** Uses all of the library; `using` is translated, since few places have it. */
const PROGRAM = `
  function main(Heap, struct, options) {
    const heap = new Heap(options);
    const found = [heap.engine];
    {
      using scope = heap.scope();
      using text = heap.cString("h\u00e9llo");
      using numbers = heap.array(Float64Array, 3);
      scope.allocate(100);
      numbers.elements.set([1, 2, 3]);
      const Point = struct({ x: "f64", id: "u32" });
      const point = Point.of(scope.use(heap.block(Point.size)));
      point.x = 0.5;
      heap.deallocate(heap.allocate(1000000));
      found.push(heap.readCString(text.pointer), numbers.elements.join(), point.x);
    }
    heap.register({}, heap.allocate(1));
    heap.check();
    return [...found, heap.stats().usedBlocks].join(" ");
  }
`;
let program: string;

beforeAll(async () => {
  program = (await transform(PROGRAM, { target: "es2022" })).code;
  for (const name of ENTRIES) {
    const { outputFiles } = await build({
      entryPoints: [`dist/${name}.js`],
      bundle: true,
      format: "iife",
      globalName: "heapwright",
      write: false,
    });
    scripts[name] = outputFiles[0]!.text;
  }
});

/** Runs the program on an entry in a place; returns its result, or the code and message of its error. */
function run(entry: Entry, place: Place, options = ""): string {
  const context = place.make();
  runInContext(scripts[entry] + program, context);
  const call = `
    try {
      main(heapwright.Heap, heapwright.struct, ${options || "undefined"});
    } catch (error) {
      error.code + ": " + error.message;
    }
  `;
  return runInContext(call, context) as string;
}

/** What the program returns after the engine's name. */
const DONE = "h\u00e9llo 1,2,3 0.5 1";

describe.each([WORKLET, STRICT, WITHOUT])("in $name", (place) => {
  it("heapwright chooses an available engine", () => {
    expect(run("index", place)).toBe(`${place.refusal ? "js" : "wasm"} ${DONE}`);
    expect(run("index", place, '{ engine: "js" }')).toBe(`js ${DONE}`);
    expect(run("index", place, "{ memory: new ArrayBuffer(4000000) }")).toBe(`js ${DONE}`);
  });

  it("heapwright/js uses JavaScript", () => {
    expect(run("js", place)).toBe(`js ${DONE}`);
    expect(run("js", place, '{ engine: "wasm" }')).toBe(
      'BAD_OPTIONS: The engine "wasm" is not in heapwright/js: import from "heapwright" or "heapwright/inline" instead.',
    );
  });

  it("heapwright/inline uses WebAssembly, or says why it cannot", () => {
    for (const options of ["", '{ engine: "wasm" }']) {
      const found = run("inline", place, options);
      if (place.refusal) {
        expect(place.refusal.exec(found)?.[1]).toBe(
          'import from "heapwright" or "heapwright/js" instead',
        );
      } else expect(found).toBe(`wasm ${DONE}`);
    }
    expect(run("inline", place, '{ engine: "js" }')).toBe(
      'BAD_OPTIONS: The engine "js" is not in heapwright/inline: import from "heapwright" or "heapwright/js" instead.',
    );
  });

  it("heapwright says why WebAssembly is unavailable", () => {
    const found = run("index", place, '{ engine: "wasm" }');
    if (place.refusal) expect(place.refusal.exec(found)?.[1]).toBe('use engine "js" or "auto"');
    else expect(found).toBe(`wasm ${DONE}`);
  });
});

it("heapwright/inline requires a WebAssembly.Memory", () => {
  expect(run("inline", WORKLET, "{ memory: new ArrayBuffer(100000) }")).toBe(
    'BAD_OPTIONS: The engine "wasm" needs a WebAssembly.Memory: pass one as memory, ' +
      'or import from "heapwright" or "heapwright/js" instead.',
  );
});

it("every entry accepts a shared memory", () => {
  const memory = "{ memory: new WebAssembly.Memory({ initial: 1, maximum: 99, shared: true }) }";
  expect(run("index", WORKLET, memory)).toBe(`wasm ${DONE}`);
  expect(run("inline", WORKLET, memory)).toBe(`wasm ${DONE}`);
  expect(run("js", WORKLET, memory)).toBe(`js ${DONE}`);
  expect(run("index", STRICT, memory)).toBe(`js ${DONE}`);
});

it.each(ENTRIES)("%s uses nothing of the platform, and is synchronous", (name) => {
  expect(scripts[name]).not.toMatch(
    /\b(import|await|fetch|atob|process|Buffer|require)\b\s*[(."'{]/,
  );
});
