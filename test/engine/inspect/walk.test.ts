/** engine/inspect/walk.ts: every block and slot in address order. */

import { describe } from "vitest";

import { walkSuite } from "../../suite/walk.ts";
import { SOURCE_PLACES } from "../source-places.ts";

describe.each(SOURCE_PLACES)("$name", walkSuite);
