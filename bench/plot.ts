// Draws a plot as SVG: a row per trace, panels side by side, a mark per allocator. It is readable on light and dark pages.

export interface Panel {
  readonly title: string;
  /** Whether the axis is logarithmic (times) or linear (shares). */
  readonly logarithmic: boolean;
  /** The ends of the axis. Values beyond are drawn at the edge. */
  readonly from: number;
  readonly to: number;
  readonly ticks: readonly number[];
  /** Returns the value of a series in a row, or undefined if there is none. */
  value(row: string, series: string): number | undefined;
}

const ROW_HEIGHT = 20;
const NAMES_WIDTH = 92;
const PANEL_WIDTH = 250;
const GAP = 34;
const TOP = 58;
const BOTTOM = 44;

/** heapwright's colour first, which also gets the largest mark; then one colour per peer. */
const COLOURS = ["#d6336c", "#1c7ed6", "#74b816", "#f59f00", "#7950f2", "#15aabf"];

const escape = (text: string): string => text.replace(/&/g, "&amp;").replace(/</g, "&lt;");

/** Returns the position of a value in a panel, from 0 (left) to 1 (right). */
function place({ logarithmic, from, to }: Panel, value: number): number {
  const share = logarithmic
    ? Math.log(Math.max(value, from) / from) / Math.log(to / from)
    : (value - from) / (to - from);
  return Math.min(1, Math.max(0, share));
}

/** Returns the plot. `series`: the allocators, heapwright first. `caption`: the command, machine and versions. */
export function plot(
  panels: readonly Panel[],
  rows: readonly string[],
  series: readonly string[],
  caption: string,
): string {
  const width = NAMES_WIDTH + panels.length * (PANEL_WIDTH + GAP);
  const height = TOP + rows.length * ROW_HEIGHT + BOTTOM;
  const bottom = height - BOTTOM;
  const middle = (row: number): number => TOP + (row + 0.5) * ROW_HEIGHT;
  const colour = (index: number): string => COLOURS[index % COLOURS.length]!;
  const parts: string[] = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="11">`,
    "<style>text{fill:#444}.title{font-weight:600;font-size:12px}.line{stroke:#8884;stroke-width:1}@media(prefers-color-scheme:dark){text{fill:#bbb}}</style>",
  ];
  let at = NAMES_WIDTH;
  series.forEach((name, index) => {
    parts.push(`<circle cx="${at}" cy="14" r="${index ? 4 : 5.5}" fill="${colour(index)}"/>`);
    parts.push(`<text x="${at + 10}" y="18">${escape(name)}</text>`);
    at += 30 + name.length * 6.5;
  });
  rows.forEach((name, row) => {
    parts.push(
      `<text x="${NAMES_WIDTH - 14}" y="${middle(row) + 4}" text-anchor="end">${escape(name)}</text>`,
    );
  });
  panels.forEach((panel, index) => {
    const left = NAMES_WIDTH + index * (PANEL_WIDTH + GAP);
    const x = (value: number): string => (left + place(panel, value) * PANEL_WIDTH).toFixed(1);
    parts.push(`<text class="title" x="${left}" y="42">${escape(panel.title)}</text>`);
    for (const tick of panel.ticks) {
      parts.push(`<path class="line" d="M${x(tick)} ${TOP - 6}V${bottom}"/>`);
      parts.push(`<text x="${x(tick)}" y="${bottom + 14}" text-anchor="middle">${tick}</text>`);
    }
    rows.forEach((row, number) => {
      // Draw heapwright last, so that its mark is on top.
      for (let mark = series.length - 1; mark >= 0; mark--) {
        const value = panel.value(row, series[mark]!);
        if (value === undefined) continue;
        const opacity = mark ? ' fill-opacity="0.75"' : "";
        parts.push(
          `<circle cx="${x(value)}" cy="${middle(number)}" r="${mark ? 4 : 5.5}" fill="${colour(mark)}"${opacity}/>`,
        );
      }
    });
  });
  parts.push(
    `<text x="${width - GAP}" y="${height - 8}" text-anchor="end" font-size="10">${escape(caption)}</text>`,
    "</svg>",
  );
  return `${parts.join("\n")}\n`;
}
