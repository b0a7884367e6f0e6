/** What the help of a verb has after its options: examples, terms and text, wrapped to the terminal. */

import type { Command } from "commander";

import { wrap } from "./report.ts";

export interface MoreHelp {
  /** Commands, which are not wrapped. */
  readonly examples: readonly string[];
  /** Titled lists of terms and what they mean. */
  readonly lists?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly paragraphs?: readonly string[];
}

/** Lines are at most this long on a wider terminal too. */
const LONGEST_LINE = 80;

export function addMoreHelp(command: Command, more: MoreHelp): Command {
  return command.addHelpText("after", () => {
    // Undefined if the output is not a terminal.
    const width = command.configureOutput().getOutHelpWidth!() as number | undefined;
    const columns = Math.min(width ?? LONGEST_LINE, LONGEST_LINE);
    return `\n${textOf(command, more, columns)}`;
  });
}

function textOf(command: Command, more: MoreHelp, columns: number): string {
  const { examples, lists = {}, paragraphs = [] } = more;
  const help = command.createHelp();
  help.prepareContext({ helpWidth: columns });
  const blocks = [`Examples:\n${examples.map((each) => `  ${each}`).join("\n")}`];
  for (const [title, terms] of Object.entries(lists)) {
    const width = Math.max(...Object.keys(terms).map((term) => term.length));
    const lines = Object.entries(terms).map(([term, meaning]) =>
      help.formatItem(term, width, meaning, help),
    );
    blocks.push(`${title}:\n${lines.join("\n")}`);
  }
  blocks.push(...paragraphs.map((paragraph) => wrap(paragraph, columns)));
  return blocks.join("\n\n");
}
