/** The panels around the timeline and the map: figures, the last op, a block, histograms, call sites. */

import { callText, type Explanation } from "../explain.ts";
import {
  bySite,
  flameOf,
  historyOf,
  lifetimesOf,
  liveAt,
  sizesOf,
  type Flame,
  type Histogram,
} from "../figures.ts";
import { KIND, type Layout } from "../layout.ts";
import { NEVER, PARTS, type Player } from "../player.ts";
import { frameName } from "../../trace/sites.ts";
import { bytes, count, hex, percent, plural } from "../text.ts";
import { nameWord, placeAt, slotAt } from "../words.ts";
import { button, byId, element, figures, scrolling, swatch, table } from "./dom.ts";
import { KIND_NAMES } from "./map-view.ts";
import { PART_NAMES } from "./timeline.ts";

const MOST_ROWS = 200;
const MOST_WORDS = 64;
/** Pixels of a row of a flame graph. */
const ROW = 21;
/** Frames of a flame graph with a smaller share of its width, in percent, are left out. */
const NARROWEST = 0.2;

// The run ---------------------------------------------------------------------------------------------------------------

/** The figures of a run, as names and values. */
export function runFigures(player: Player): [string, string][] {
  const { program, peakLive, peakFootprint, failures, moves } = player;
  const leaks = liveAt(player, program.ops);
  const leaked = leaks.reduce((sum, record) => sum + player.asked[record]!, 0);
  return [
    ["operations", count(program.ops)],
    ["allocations", count(program.records)],
    ["peak live", bytes(peakLive)],
    ["peak footprint", bytes(peakFootprint)],
    ["utilisation", percent(peakFootprint === 0 ? 0 : peakLive / peakFootprint)],
    ["break moves", count(moves)],
    ["failures", count(failures.length)],
    ["never freed", `${bytes(leaked)} in ${plural(leaks.length, "block")}`],
  ];
}

export function showSummary(player: Player): void {
  byId("summary").replaceChildren(figures(runFigures(player)));
}

// The moment ------------------------------------------------------------------------------------------------------------

export function showParts(player: Player): void {
  const { parts, footprint } = player;
  const rows = PARTS.map((part) => [
    swatch(PART_NAMES[part], part),
    count(parts[part]),
    percent(parts[part] / footprint),
  ]);
  byId("parts").replaceChildren(
    element("h3", {}, ["Footprint"]),
    table(
      [{ title: "for" }, { title: "bytes", isNumber: true }, { title: "share", isNumber: true }],
      [...rows, ["footprint", count(footprint), percent(1)]],
    ),
    element("p", { class: "soft" }, [`${plural(player.liveRecords, "block")} in use`]),
  );
}

/** @param onWord called with the address of a word that was chosen */
export function showStep(
  explanation: Explanation | undefined,
  onWord: (address: number) => void,
): void {
  const place = byId("step");
  if (explanation === undefined) {
    place.replaceChildren(
      element("h3", {}, ["Before the first operation"]),
      element("p", {}, ["The heap has its control block and an empty top block."]),
    );
    return;
  }
  const { op, call, sentences, accesses } = explanation;
  const rows = accesses
    .slice(0, MOST_ROWS)
    .map(({ isWrite, address, bytes: length, name, before, after }) => {
      const link = button(hex(address), `Show ${hex(address)} on the map`, () => onWord(address));
      link.classList.add("mono");
      const size = length > 4 ? `${count(length)} bytes` : "";
      const values = isWrite ? `${hex(before)} → ${hex(after)}` : hex(before);
      return [isWrite ? "wrote" : "read", link, name, size === "" ? values : size];
    });
  const made = table(
    [{ title: "" }, { title: "address" }, { title: "word" }, { title: "value" }],
    rows,
  );
  for (const [i, row] of [...made.tBodies[0]!.rows].entries()) {
    if (accesses[i]!.isWrite) row.classList.add("written");
  }
  const writes = accesses.filter(({ isWrite }) => isWrite).length;
  place.replaceChildren(
    element("h3", {}, [`Operation ${count(op + 1)}: `, element("span", { class: "mono" }, [call])]),
    ...sentences.map((sentence) => element("p", {}, [sentence])),
    element("p", { class: "soft" }, [
      `It read ${plural(accesses.length - writes, "word")} and wrote ${plural(writes, "word")}.`,
    ]),
    scrolling("Words", made),
  );
}

// A block ---------------------------------------------------------------------------------------------------------------

/** @param go called with a moment, @param select with an address, when somebody follows a link */
export function showBlock(
  player: Player,
  layout: Layout,
  address: number,
  go: (moment: number) => void,
  select: (address: number) => void,
): void {
  const place = byId("block");
  if (address < 0) {
    place.replaceChildren(element("p", { class: "soft" }, ["Select a block on the map."]));
    return;
  }
  const entry = layout.entryAt(address);
  if (entry < 0) {
    const word = Math.floor(address / 4) * 4;
    place.replaceChildren(
      element("h3", {}, [hex(word)]),
      element("p", {}, [nameWord(player.engine, word)]),
      wordTable(player, word - 16, word + 48),
    );
    return;
  }
  const from = layout.from[entry]!;
  const to = layout.to[entry]!;
  const pointer = layout.pointerOf(entry);
  const kind = layout.kinds[entry]!;
  place.replaceChildren(
    element("h3", {}, [`${capital(KIND_NAMES[kind]!)} ${hex(pointer)}`]),
    figures(blockFigures(player, pointer, kind, to - pointer)),
    neighbours(layout, entry, select),
    element("h3", {}, ["History of the address"]),
    historyTable(player, pointer, go),
    element("h3", {}, ["Words"]),
    wordTable(player, from, Math.min(to, from + 4 * MOST_WORDS)),
  );
}

function blockFigures(
  player: Player,
  pointer: number,
  kind: number,
  size: number,
): [string, string][] {
  const { engine } = player;
  const rows: [string, string][] = [["bytes", count(size)]];
  const place = placeAt(engine, pointer);
  if (place === undefined) return rows;
  const { slab, header } = place;
  if (slab !== 0) {
    const { slot, slots } = slotAt(engine, slab, pointer);
    rows.push(
      ["slot", `${slot} of ${slots}`],
      ["slab", `${hex(slab)}${engine.isCurrent(slab) ? ", current" : ""}`],
      ["bitmap", bitmapOf(player, slab, slots)],
    );
    return rows;
  }
  const names = [
    engine.isInUse(header) && "IN_USE",
    engine.isPreviousInUse(header) && "PREVIOUS_IN_USE",
    ["", "METADATA", "FOREIGN", "QUICK"][(header >>> 2) & 3],
  ].filter(Boolean);
  rows.push(
    ["header", `${hex(header)}: ${count(place.size)} bytes`],
    ["flags", names.length === 0 ? "none" : names.join(", ")],
  );
  const isTop = pointer === engine.top() >>> 0;
  if (kind === KIND.freeBlock) {
    rows.push(["bin", isTop ? "none: the top block" : `${engine.binFor(place.size)}`]);
  }
  return rows;
}

/** The bits of a slab's slots, 1 for one in use. */
function bitmapOf(player: Player, slab: number, slots: number): string {
  const { engine } = player;
  return Array.from({ length: slots }, (_, slot) => (engine.isUsed(slab, slot) ? 1 : 0)).join("");
}

function neighbours(layout: Layout, entry: number, select: (address: number) => void): HTMLElement {
  const buttons = [
    ["before", entry - 1],
    ["after", entry + 1],
  ].flatMap(([name, other]) => {
    const at = other as number;
    if (at < 0 || at >= layout.count) return [];
    const pointer = layout.pointerOf(at);
    const what = `${name}: ${KIND_NAMES[layout.kinds[at]!]} ${hex(pointer)}`;
    return [button(what, `Select the neighbour ${what}`, () => select(pointer))];
  });
  return element("div", { class: "bar" }, buttons);
}

function historyTable(player: Player, pointer: number, go: (moment: number) => void): HTMLElement {
  const records = historyOf(player, pointer);
  if (records.length === 0) return element("p", { class: "soft" }, ["No block was ever here."]);
  const { born, died, program } = player;
  const shown = records.slice(-MOST_ROWS).toReversed();
  const rows = shown.map((record) => {
    const begin = born[record]!;
    const end = died[record]!;
    const link = button(count(begin + 1), `Go to operation ${count(begin + 1)}`, () =>
      go(begin + 1),
    );
    const over =
      end === NEVER
        ? "never"
        : button(count(end + 1), `Go to operation ${count(end + 1)}`, () => go(end + 1));
    const site = program.sites[begin]!;
    const who =
      site === 0 ? `thread ${program.threads[begin]}` : frameName(program.callSites.frameOf(site));
    return [link, callText(player, begin), over, end === NEVER ? "" : count(end - begin), who];
  });
  const columns = [
    { title: "op" },
    { title: "call" },
    { title: "freed" },
    { title: "lived, ops", isNumber: true },
    { title: "by" },
  ];
  return scrolling("History", table(columns, rows));
}

function wordTable(player: Player, from: number, to: number): HTMLElement {
  const rows: string[][] = [];
  const base = player.engine.controlBlock() >>> 0;
  const end = player.engine.programBreak() >>> 0;
  for (let address = Math.max(base, from); address < Math.min(end, to); address += 4) {
    rows.push([hex(address), hex(player.word(address)), nameWord(player.engine, address)]);
  }
  const made = table([{ title: "address" }, { title: "value" }, { title: "word" }], rows);
  made.classList.add("mono");
  return scrolling("Words of the block", made);
}

// Histograms ------------------------------------------------------------------------------------------------------------

export function showHistograms(player: Player): void {
  const sizes = sizesOf(player);
  const lifetimes = lifetimesOf(player);
  byId("histograms").replaceChildren(
    histogram("Requests by size in bytes", sizes),
    histogram("Blocks by lifetime in operations", lifetimes, "never freed"),
  );
}

function histogram(title: string, { counts, others }: Histogram, otherName = ""): HTMLElement {
  const most = Math.max(1, others, ...counts);
  const bars = counts.map((value, bar) => [rangeOf(bar), value] as const);
  const all = otherName === "" ? bars : [...bars, [otherName, others] as const];
  const rows = all.flatMap(([name, value]) => [
    element("span", {}, [name]),
    element("i", { style: `width: ${(100 * value) / most}%`, "aria-hidden": "true" }),
    element("span", {}, [count(value)]),
  ]);
  return element("div", {}, [
    element("h3", {}, [title]),
    element("div", { class: "histogram" }, rows),
  ]);
}

function rangeOf(bar: number): string {
  if (bar < 2) return `${bar}`;
  return `${count(2 ** (bar - 1))}–${count(2 ** bar - 1)}`;
}

// Call sites ------------------------------------------------------------------------------------------------------------

export function showSites(player: Player): void {
  const { program } = player;
  const moments = [
    { name: "Never freed", records: liveAt(player, program.ops) },
    {
      name: `At the peak, after op ${count(player.peakMoment)}`,
      records: liveAt(player, player.peakMoment),
    },
  ];
  const place = byId("sites");
  if (program.callSites.count === 0) {
    place.replaceChildren(
      element("p", {}, ["The trace has no call sites. Sizes of the blocks that are never freed:"]),
      sizeTable(player, moments[0]!.records),
    );
    return;
  }
  place.replaceChildren(
    ...moments.map(({ name, records }) => {
      const rows = bySite(player, records);
      const total = rows.reduce((sum, each) => sum + each.bytes, 0);
      const shown = rows
        .slice(0, MOST_ROWS)
        .map(({ site, blocks, bytes: has }) => [
          count(has),
          percent(total === 0 ? 0 : has / total),
          count(blocks),
          site === 0 ? "unknown" : program.callSites.stackOf(site).map(frameName).join(" ← "),
        ]);
      return element("div", {}, [
        element("h3", {}, [`${name}: ${bytes(total)} in ${plural(records.length, "block")}`]),
        scrolling(
          name,
          table(
            [
              { title: "bytes", isNumber: true },
              { title: "share", isNumber: true },
              { title: "blocks", isNumber: true },
              { title: "call site, innermost first" },
            ],
            shown,
          ),
        ),
        flameGraph(flameOf(program.callSites, rows), name),
      ]);
    }),
  );
}

function sizeTable(player: Player, records: readonly number[]): HTMLElement {
  const bySize = new Map<number, number>();
  for (const record of records) {
    const size = player.asked[record]!;
    bySize.set(size, (bySize.get(size) ?? 0) + 1);
  }
  const rows = [...bySize].toSorted((a, b) => b[0] * b[1] - a[0] * a[1]).slice(0, 20);
  return table(
    [
      { title: "bytes each", isNumber: true },
      { title: "blocks", isNumber: true },
      { title: "bytes", isNumber: true },
    ],
    rows.map(([size, blocks]) => [count(size), count(blocks), count(size * blocks)]),
  );
}

/** A flame graph of bytes. A frame that is chosen takes the whole width, and its callers stay above it. */
function flameGraph(root: Flame, name: string): HTMLElement {
  const graph = element("div", {
    class: "flame",
    role: "group",
    "aria-label": `${name}, by stack`,
  });
  const total = Math.max(1, root.bytes);
  const draw = (chosen: readonly Flame[]): void => {
    const frames: HTMLElement[] = [];
    let rows = 0;
    /** Adds the last frame of a path, in the row of its depth. */
    const add = (path: readonly Flame[], left: number, width: number): void => {
      const flame = path.at(-1)!;
      const text = `${flame.name}: ${bytes(flame.bytes)}, ${percent(flame.bytes / total)}`;
      const made = button(flame.name, text, () => draw(path));
      made.style.cssText = `left: ${left}%; width: ${width}%; top: ${(path.length - 1) * ROW}px`;
      frames.push(made);
      rows = Math.max(rows, path.length);
    };
    const addChildren = (path: readonly Flame[], left: number, width: number): void => {
      const flame = path.at(-1)!;
      let at = left;
      for (const child of flame.children) {
        const share = (width * child.bytes) / Math.max(1, flame.bytes);
        if (share >= NARROWEST) {
          add([...path, child], at, share);
          addChildren([...path, child], at, share);
        }
        at += share;
      }
    };
    for (const depth of chosen.keys()) add(chosen.slice(0, depth + 1), 0, 100);
    addChildren(chosen, 0, 100);
    graph.style.height = `${rows * ROW}px`;
    graph.replaceChildren(...frames);
  };
  draw([root]);
  return graph;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
