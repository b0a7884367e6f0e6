/** In a page. */

import { conformance } from "../suite/main.ts";
import { placeHere, report } from "./browser.ts";
import { ENTRIES } from "./entries.js";

void report(async () => conformance(ENTRIES, await placeHere()));
