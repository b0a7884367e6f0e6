/** The library from its sources: each engine as it is built, on each kind of memory. */

import * as api from "../../src/index.ts";
import { placesOf } from "../suite/place.ts";

export const PLACES = placesOf(api, ["wasm", "js"]);
