import type { Entry } from "../suite/place.ts";

/** The entries of the package that is installed where this runs; ../project.ts makes it. */
export const ENTRIES: readonly Entry[];
