/** Elements. */

type Child = Node | string;

/** A new element. Attributes that are `false` are left out, those that are `true` are empty. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string | number | boolean>> = {},
  children: readonly Child[] = [],
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children);
  return made;
}

export function byId<Kind extends HTMLElement = HTMLElement>(id: string): Kind {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found as Kind;
}

export function button(text: string, label: string, onClick: () => void): HTMLButtonElement {
  const made = element("button", { type: "button", title: label, "aria-label": label }, [text]);
  made.addEventListener("click", onClick);
  return made;
}

export interface Column {
  readonly title: string;
  readonly isNumber?: boolean;
}

/** A table; a cell is a text or a node. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly Child[])[],
): HTMLTableElement {
  const classOf = (at: number): Record<string, string> =>
    columns[at]!.isNumber === true ? { class: "number" } : {};
  const head = columns.map(({ title }, at) =>
    element("th", { scope: "col", ...classOf(at) }, [title]),
  );
  const body = rows.map((cells) => {
    const made = cells.map((cell, at) => element("td", classOf(at), [cell]));
    return element("tr", {}, made);
  });
  return element("table", {}, [
    element("thead", {}, [element("tr", {}, head)]),
    element("tbody", {}, body),
  ]);
}

/** A region that scrolls, also with the keyboard. */
export function scrolling(label: string, content: Node): HTMLElement {
  const attributes = { class: "scroll", tabindex: 0, role: "region", "aria-label": label };
  return element("div", attributes, [content]);
}

/** A name beside a sample of a colour of page.css. */
export function swatch(name: string, colourName: string): HTMLElement {
  const sample = element("span", { class: "swatch", style: `background: var(--${colourName})` });
  return element("span", {}, [sample, name]);
}

/** Names and values in a row. */
export function figures(pairs: readonly (readonly [string, string])[]): HTMLElement {
  const made = pairs.map(([name, value]) =>
    element("div", {}, [element("dt", {}, [name]), element("dd", {}, [value])]),
  );
  return element("dl", { class: "figures" }, made);
}

/** The value of a colour of page.css. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** The same as a pixel: red in the lowest 8 bits, then green, blue and 255. */
export function pixelOf(name: string): number {
  const digits = colour(name).slice(1);
  const part = (at: number): number => Number.parseInt(digits.slice(at, at + 2), 16);
  return ((255 << 24) | (part(4) << 16) | (part(2) << 8) | part(0)) >>> 0;
}
