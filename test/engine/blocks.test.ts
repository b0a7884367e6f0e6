/** engine/blocks.ts: split, coalesce, quick lists, growing and shrinking in place. */

import { describe } from "vitest";

import { blocksSuite } from "../suite/blocks.ts";
import { SOURCE_PLACES } from "./source-places.ts";

describe.each(SOURCE_PLACES)("$name", blocksSuite);
