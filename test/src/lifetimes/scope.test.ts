/** src/lifetimes/scope.ts, on every engine and in every memory. */

import { describe } from "vitest";

import { scopeSuite } from "../../suite/lifetimes/scope.ts";
import { PLACES } from "../places.ts";

describe.each(PLACES)("$name", scopeSuite);
