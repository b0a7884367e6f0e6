/** Debian's source packages, as cases take them. */

import { sourcePackage, Unavailable } from "../../bench/debian.ts";
import { command, type Tool, Missing } from "./tools.ts";

/** What unpacks them. */
export const sources: readonly Tool[] = [
  command("apt-get", "they come from Debian's archive, by its apt-get"),
  command("dpkg-source", "apt-get install dpkg-dev"),
];

/** The folder of an unpacked source package, fetched the first time. Throws `Missing` where it can't be had. */
export function source(name: string): string {
  try {
    return sourcePackage(name).folder;
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    throw new Missing(`no source package ${name}: ${error.message}`, { cause: error });
  }
}
