/** engine/slabs.ts: small objects without headers. */

import { describe } from "vitest";

import { slabsSuite } from "../suite/slabs.ts";
import { SOURCE_PLACES } from "./source-places.ts";

describe.each(SOURCE_PLACES)("$name", slabsSuite);
