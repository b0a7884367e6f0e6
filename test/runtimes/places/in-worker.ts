import { conformance } from "../suite/main.ts";
import type { Here } from "../suite/place.ts";
import { ENTRIES } from "./entries.js";

onmessage = ({ data }) => postMessage(conformance(ENTRIES, data as Here));
