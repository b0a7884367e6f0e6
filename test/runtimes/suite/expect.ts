/** vitest's `expect`, as far as the suites use it; expect.test.ts compares the two. */

type Check = (holds: boolean, what: string) => void;

/** Expects something of `found`; `about` says what it is, if an expectation fails. */
export function expect(found: unknown, about?: string) {
  const fail = (what: string): never => {
    throw new Error(`${about === undefined ? "" : `${about}: `}expected ${shown(found)} ${what}`);
  };
  const positive = matchers(found, (holds, what) => holds || fail(what));
  const not = matchers(found, (holds, what) => holds && fail(`not ${what}`));
  return { ...positive, not };
}

function matchers(found: unknown, check: Check) {
  const text = found as string;
  const number = found as number;
  const list = found as string | Iterable<unknown>;
  return {
    toBe: (wanted: unknown) => check(Object.is(found, wanted), `to be ${shown(wanted)}`),
    toEqual: (wanted: unknown) => check(isEqual(found, wanted), `to equal ${shown(wanted)}`),
    toMatchObject: (wanted: object) =>
      check(isEqual(found, wanted, true), `to match ${shown(wanted)}`),
    toBeGreaterThan: (than: number) => check(number > than, `to be greater than ${than}`),
    toBeGreaterThanOrEqual: (than: number) => check(number >= than, `to be at least ${than}`),
    toBeLessThan: (than: number) => check(number < than, `to be less than ${than}`),
    toBeLessThanOrEqual: (than: number) => check(number <= than, `to be at most ${than}`),
    toBeInstanceOf: (type: new (...args: never[]) => unknown) =>
      check(found instanceof type, `to be an instance of ${type.name}`),
    toBeTypeOf: (type: string) => check(typeof found === type, `to be of type ${type}`),
    toContain: (wanted: unknown) =>
      check(
        typeof list === "string" ? list.includes(String(wanted)) : [...list].indexOf(wanted) >= 0,
        `to contain ${shown(wanted)}`,
      ),
    toContainEqual: (wanted: unknown) =>
      check(
        [...(list as Iterable<unknown>)].some((each) => isEqual(each, wanted)),
        `to contain ${shown(wanted)}`,
      ),
    toHaveLength: (length: number) => check(text.length === length, `to have length ${length}`),
    toMatch: (pattern: RegExp) => check(pattern.test(text), `to match ${pattern}`),
    toThrow: (wanted: string | (new (...args: never[]) => unknown)) => {
      let thrown: unknown;
      let throws = false;
      try {
        (found as () => void)();
      } catch (error) {
        thrown = error;
        throws = true;
      }
      const holds =
        throws &&
        (typeof wanted === "string"
          ? (thrown as Error).message.includes(wanted)
          : thrown instanceof wanted);
      check(holds, `to throw ${shown(wanted)}, found ${String(thrown)}`);
    },
  };
}

/** Whether two values have the same contents; with `partly`, objects in `found` may have more properties. */
function isEqual(found: unknown, wanted: unknown, partly = false): boolean {
  if (Object.is(found, wanted)) return true;
  if (!isObject(found) || !isObject(wanted)) return false;
  if (isList(found) || isList(wanted)) {
    if (tagOf(found) !== tagOf(wanted)) return false;
    const [list, other] = [found, wanted] as unknown as ArrayLike<unknown>[];
    let at = 0;
    while (at < other!.length && isEqual(list![at], other![at], partly)) at++;
    return list!.length === other!.length && at === other!.length;
  }
  const isPlain = tagOf(wanted) === "[object Object]";
  if (!(partly && isPlain) && tagOf(found) !== tagOf(wanted)) return false;
  const has = (object: Record<string, unknown>) => (key: string) => object[key] !== undefined;
  const keys = Object.keys(wanted).filter((key) => partly || has(wanted)(key));
  if (!partly && keys.length !== Object.keys(found).filter(has(found)).length) return false;
  return keys.every((key) => key in found && isEqual(found[key], wanted[key], partly));
}

const isList = (value: unknown): boolean => Array.isArray(value) || ArrayBuffer.isView(value);

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

const tagOf = (value: unknown): string => Object.prototype.toString.call(value);

function shown(value: unknown): string {
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return value.name;
  if (!isObject(value) || value instanceof Error) return String(value);
  if (ArrayBuffer.isView(value)) return `${tagOf(value)} of ${value.byteLength} bytes`;
  try {
    return JSON.stringify(value).slice(0, 300);
  } catch {
    return tagOf(value);
  }
}
