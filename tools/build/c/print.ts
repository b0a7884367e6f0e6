// Lays out text within a line width (Wadler, "A prettier printer", 1998): a group is on one line if it fits, else each of its
// lines is broken.

/** `LINE` is a space or a line break; `SOFT` is nothing or a line break. */
export type Doc = string | readonly Doc[] | { readonly group: Doc } | { readonly indent: Doc };

export const LINE = "\0 ";
export const SOFT = "\0";
const UNIT = "  ";

/** The text of a document that starts at `indent` levels and in column `column`. */
export function print(doc: Doc, indent: number, width: number, column = indent * 2): string {
  let text = "";
  let at = column;
  const put = (piece: Doc, level: number, flat: boolean): void => {
    if (piece === LINE || piece === SOFT) {
      const by = flat ? piece.slice(1) : `\n${UNIT.repeat(level)}`;
      text += by;
      at = flat ? at + by.length : level * UNIT.length;
    } else if (typeof piece === "string") {
      text += piece;
      at += piece.length;
    } else if ("group" in piece) {
      put(piece.group, level, flat || at + flatWidth(piece) <= width);
    } else if ("indent" in piece) {
      put(piece.indent, level + 1, flat);
    } else for (const each of piece) put(each, level, flat);
  };
  put({ group: doc }, indent, false);
  return text;
}

function flatWidth(doc: Doc): number {
  if (typeof doc === "string") return doc.startsWith("\0") ? doc.length - 1 : doc.length;
  if ("group" in doc) return flatWidth(doc.group);
  if ("indent" in doc) return flatWidth(doc.indent);
  return doc.reduce<number>((sum, each) => sum + flatWidth(each), 0);
}

/** Documents with something between them. */
export function join(docs: readonly Doc[], between: Doc): Doc {
  return docs.flatMap((each, i) => (i === 0 ? [each] : [between, each]));
}
