/** engine/map.ts: the block map. */

import { describe } from "vitest";

import { mapSuite } from "../suite/map.ts";
import { SOURCE_PLACES } from "./source-places.ts";

describe.each(SOURCE_PLACES)("$name", mapSuite);
