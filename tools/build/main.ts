// Builds dist/: the wasm engines, the JavaScript engine, the library with its typings, the command line, the engine in C.

import { rmSync } from "node:fs";
import { buildC } from "./c.ts";
import { buildJsEngine } from "./js-engine.ts";
import { buildLibrary } from "./library.ts";
import { buildWasm } from "./wasm.ts";

rmSync("dist", { recursive: true, force: true });
buildWasm();
await buildJsEngine();
await buildLibrary();
buildC();
