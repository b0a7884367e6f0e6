/** src/data/strings.ts, on every engine and in every memory. */

import { describe } from "vitest";

import { stringsSuite } from "../../suite/data/strings.ts";
import { PLACES } from "../places.ts";

describe.each(PLACES)("$name", stringsSuite);
