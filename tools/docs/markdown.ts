/** Tables as the formatter of Markdown aligns them. */

/** A table of text. */
export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const NUMBER = /^(\d[\d.,]*|–)$/;

/** Returns a Markdown table. Columns that contain only numbers are aligned to the right. */
export function markdown({ head, rows }: Table): string {
  const columns = head.map((name, column) => {
    const cells = rows.map((row) => row[column]!);
    const isNumbers = cells.every((cell) => NUMBER.test(cell));
    const width = Math.max(3, name.length, ...cells.map((cell) => cell.length));
    return { isNumbers, width };
  });
  const line = (cells: readonly string[]): string => {
    const padded = columns.map(({ isNumbers, width }, i) =>
      isNumbers ? cells[i]!.padStart(width) : cells[i]!.padEnd(width),
    );
    return `| ${padded.join(" | ")} |`;
  };
  const rule = columns.map(({ isNumbers, width }) =>
    isNumbers ? `${"-".repeat(width - 1)}:` : "-".repeat(width),
  );
  return [line(head), line(rule), ...rows.map(line)].join("\n");
}
