/** How objects of the library print in a console. */

/** The method that `console.log` of Node, Deno and Bun calls. */
export const show: unique symbol = Symbol.for("nodejs.util.inspect.custom") as never;

/** A value that has an unexpected type, for a message. */
export function shown(value: unknown): string {
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "string") return JSON.stringify(value);
  try {
    return String(value);
  } catch {
    return typeof value; // of an object that has no text
  }
}
