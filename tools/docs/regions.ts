/**
 * Marked regions of a Markdown document. The text between these comments is generated, the rest is not:
 *
 *     <!-- figure NAME -->…<!-- /figure -->
 *
 * NAME is a key of `FIGURES` in figures.ts. If the region begins with a line break, its text is a block with an empty line before
 * and after it.
 */

/** The generated text of a figure. */
export interface Figure {
  /** Returns the text. */
  text(): string | Promise<string>;
  /** Replaces what differs from run to run, such as times; two texts are equal if they are equal after this. */
  steady?(text: string): string;
}

export interface Region {
  readonly name: string;
  /** The text between the comments. */
  readonly text: string;
  /** The line of the opening comment, from 1. */
  readonly line: number;
}

const MARK = /<!-- (figure (.+?)|\/figure) -->/g;

/** Returns the regions of a document. Throws if a comment has no counterpart. */
export function regionsOf(document: string): Region[] {
  return parts(document).flatMap((part) => (typeof part === "string" ? [] : part));
}

/**
 * Returns the document with the current text of every figure. A region whose text differs only in what is not steady is kept.
 * Throws if a region names no figure.
 */
export async function updated(
  document: string,
  figures: Readonly<Record<string, Figure>>,
): Promise<string> {
  let result = "";
  for (const part of parts(document)) {
    if (typeof part === "string") {
      result += part;
      continue;
    }
    const { name, text, line } = part;
    const figure = Object.hasOwn(figures, name) ? figures[name] : undefined;
    if (figure === undefined) throw new Error(`line ${line}: there is no figure "${name}"`);
    const current = await figure.text();
    const fresh = text.startsWith("\n") ? `\n\n${current.trim()}\n\n` : current.trim();
    const steady = figure.steady ?? ((same: string): string => same);
    result += `<!-- figure ${name} -->${steady(text) === steady(fresh) ? text : fresh}<!-- /figure -->`;
  }
  return result;
}

/** Splits a document into regions and the text between them. */
function parts(document: string): (string | Region)[] {
  const result: (string | Region)[] = [];
  let end = 0;
  let open: { name: string; from: number; line: number } | undefined;
  for (const match of document.matchAll(MARK)) {
    const [mark, , name] = match;
    const line = document.slice(0, match.index).split("\n").length;
    if (open !== undefined && name !== undefined) {
      throw new Error(`line ${open.line}: <!-- figure ${open.name} --> has no <!-- /figure -->`);
    }
    if (name !== undefined) {
      result.push(document.slice(end, match.index));
      open = { name, from: match.index + mark.length, line };
    } else if (open === undefined) {
      throw new Error(`line ${line}: <!-- /figure --> has no <!-- figure … --> before it`);
    } else {
      const text = document.slice(open.from, match.index);
      result.push({ name: open.name, text, line: open.line });
      open = undefined;
    }
    end = match.index + mark.length;
  }
  if (open !== undefined) {
    throw new Error(`line ${open.line}: <!-- figure ${open.name} --> has no <!-- /figure -->`);
  }
  result.push(document.slice(end));
  return result;
}
