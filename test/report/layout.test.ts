import { describe, expect, test } from "vitest";

import {
  addressAt,
  drawPixels,
  KIND,
  Layout,
  layoutOf,
  levelsOf,
  placeOf,
  rowHeight,
  wholeView,
  type Palette,
} from "../../report/layout.ts";
import { Player } from "../../report/player.ts";
import { programOf, recorded } from "./programs.ts";

const BACK = 0xff000000;
/** A colour for each kind, all different. */
const PALETTE: Palette = Array.from(
  { length: 8 },
  (_, kind) => (0xff000000 | (kind * 0x102030 + 0x404040)) >>> 0,
);

/** A heap of a million blocks, every third of them free, as if walked. */
function millionBlocks(): Layout {
  const count = 1_000_000;
  const sizes = [16, 32, 48, 64, 416];
  let end = 4096;
  for (let i = 0; i < count; i += 1) end += sizes[i % 5]!;
  const layout = new Layout(16, end + 65536, end + 32768);
  for (let i = 0, at = 4096; i < count; i += 1) {
    layout.add(at, at + sizes[i % 5]!, i % 3 === 0 ? KIND.freeBlock : KIND.block);
    at += sizes[i % 5]!;
  }
  return layout;
}

describe("a heap of a million blocks", () => {
  const layout = millionBlocks();
  const levels = levelsOf(layout, PALETTE);

  test("has levels of half the cells each, two million in all at most", () => {
    const lengths = levels.cells.map(({ length }) => length);
    for (let i = 1; i < lengths.length; i += 1) {
      expect(lengths[i]).toBe(Math.ceil(lengths[i - 1]! / 2));
    }
    expect(lengths.at(-1)).toBe(1);
    expect(lengths.reduce((sum, each) => sum + each)).toBeLessThan(2 ** 21 + 40);
  });

  test("keeps the mean colour from level to level", () => {
    const mean = (cells: Uint32Array): number =>
      cells.reduce((sum, cell) => sum + (cell & 255), 0) / cells.length;
    expect(mean(levels.cells[4]!)).toBeCloseTo(mean(levels.cells[0]!), -1);
  });

  test("takes few accesses to its entries for a frame, however close", () => {
    const [width, height] = [1280, 800];
    const pixels = new Uint32Array(width * height);
    const whole = wholeView(layout, height);
    for (let zoom = whole.zoom; zoom >= 6; zoom -= 1) {
      let reads = 0;
      const counted = new Proxy(layout.to, {
        get(target, name) {
          if (typeof name === "string" && /^\d+$/.test(name)) reads += 1;
          return Reflect.get(target, name, target) as unknown;
        },
      });
      const watched = Object.assign(Object.create(layout) as Layout, { to: counted });
      const view = { origin: 200_000_000 & -16, zoom };
      const rows = Math.ceil(height / rowHeight(zoom));
      const origin = Math.min(view.origin, layout.end / 2) & -16;
      drawPixels(pixels, width, height, { origin, zoom }, watched, levels, PALETTE, BACK);
      // A binary search for each row, and no more entries than pixels, each read twice.
      expect(reads).toBeLessThan(rows * (30 + 2 * width));
      expect(pixels[0]).not.toBe(BACK);
    }
  });
});

test("draws each entry where its address is, at every zoom", async () => {
  const player = new Player(await programOf(recorded("nginx")));
  for (const _ of player.build());
  player.seek(player.peakMoment);
  const layout = layoutOf(player.engine);
  const levels = levelsOf(layout, PALETTE);
  const [width, height] = [1024, 400];
  const pixels = new Uint32Array(width * height);
  for (const zoom of [6, 8, 10, 12]) {
    const origin = layout.from[1000]! & -16;
    const view = { origin, zoom };
    drawPixels(pixels, width, height, view, layout, levels, PALETTE, BACK);
    let seen = 0;
    for (let entry = layout.firstEndingAbove(origin); entry < layout.count; entry += 1) {
      const middle = (layout.from[entry]! + layout.to[entry]!) / 2;
      const { x, y } = placeOf(view, width, middle);
      if (y >= height) break;
      const pixelsWide = ((layout.to[entry]! - layout.from[entry]!) * width) / 2 ** zoom;
      if (pixelsWide < 4) continue;
      expect(pixels[y * width + Math.floor(x)]).toBe(PALETTE[layout.kinds[entry]!]);
      expect(layout.entryAt(addressAt(view, width, x, y))).toBe(entry);
      seen += 1;
    }
    expect(seen).toBeGreaterThan(5);
  }
});

test("finds the entry of an address, and none between entries", () => {
  const layout = new Layout(0, 400, 300);
  layout.add(100, 116, KIND.slot);
  layout.add(120, 200, KIND.block);
  expect([99, 100, 115, 116, 119, 120, 199, 200].map((at) => layout.entryAt(at))).toEqual([
    -1, 0, 0, -1, -1, 1, 1, -1,
  ]);
  expect([layout.pointerOf(0), layout.pointerOf(1)]).toEqual([100, 124]);
});
