// Builds dist/: the wasm engines, the JavaScript engine, the library with its typings, the command line, the engine in C,
// and libraries for wasm32.

import { rmSync } from "node:fs";
import { buildC } from "./c.ts";
import { buildJsEngine } from "./js-engine.ts";
import { buildLibrary } from "./library.ts";
import { buildWasm } from "./wasm.ts";
import { buildWasm32 } from "./wasm32.ts";

rmSync("dist", { recursive: true, force: true });
buildWasm();
await buildJsEngine();
await buildLibrary();
buildC();
buildWasm32();
