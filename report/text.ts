/** Numbers for people. */

/** `46,931` */
export function count(value: number): string {
  return value.toLocaleString("en-US");
}

/** `1 trace`, `17 traces` */
export function plural(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

/** `512 B`, `15.4 KiB`, `1 MiB` */
export function bytes(value: number): string {
  let shown = value;
  let unit = "B";
  for (const larger of ["KiB", "MiB", "GiB"]) {
    if (shown < 1000) break;
    shown /= 1024;
    unit = larger;
  }
  return `${Number.isInteger(shown) ? shown : shown.toFixed(1)} ${unit}`;
}

/** `93.1%` */
export function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}

/** An address as people write it: `0x1a40`. */
export function hex(address: number): string {
  return `0x${address.toString(16)}`;
}
