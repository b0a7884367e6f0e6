// Builds dist/native/, the engine in C.

import { buildC } from "./c.ts";

buildC();
