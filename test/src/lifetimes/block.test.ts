/** src/lifetimes/block.ts, on every engine and in every memory. */

import { describe } from "vitest";

import { blockSuite } from "../../suite/lifetimes/block.ts";
import { PLACES } from "../places.ts";

describe.each(PLACES)("$name", blockSuite);
