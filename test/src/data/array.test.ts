/** src/data/array.ts, on every engine and in every memory. */

import { describe } from "vitest";

import { arraySuite } from "../../suite/data/array.ts";
import { PLACES } from "../places.ts";

describe.each(PLACES)("$name", arraySuite);
