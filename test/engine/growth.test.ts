/** engine/growth.ts: the program break, its margin and its limit. Memory grown by other code is in memories.test.ts. */

import { describe } from "vitest";

import { growthSuite } from "../suite/growth.ts";
import { SOURCE_PLACES } from "./source-places.ts";

describe.each(SOURCE_PLACES)("$name", growthSuite);
