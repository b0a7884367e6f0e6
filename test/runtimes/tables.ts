/** Tables as Markdown has them: for a terminal, and for docs/runtimes.md. */

/** The first column to the left, columns of numbers to the right. */
export function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const columns = head.map((name, column) => {
    const cells = rows.map((row) => row[column]!);
    const isNumbers = cells.every((cell) => /^(\d[\d.,]*|–)$/.test(cell));
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
