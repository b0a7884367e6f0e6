/** The address map: the heap at one moment on a canvas, and which block is selected. */

import type { Access } from "../explain.ts";
import {
  addressAt,
  CLOSEST,
  drawPixels,
  layoutOf,
  levelsOf,
  placeOf,
  rowHeight,
  wholeView,
  type Layout,
  type Levels,
  type Palette,
  type View,
} from "../layout.ts";
import type { Player } from "../player.ts";
import { bytes, hex } from "../text.ts";
import { button, byId, colour, element, pixelOf, swatch } from "./dom.ts";

/** In the order of `KIND`. */
export const KIND_NAMES = [
  "free block",
  "block in use",
  "free slot",
  "slot in use",
  "metadata",
  "foreign region",
  "margin",
  "quick block",
];
const KIND_COLOURS = [
  "free",
  "live",
  "free-slot",
  "slot",
  "metadata",
  "foreign",
  "margin",
  "quick",
];
/** Pixels: of the map at first, and of a taller one. */
const HEIGHTS = [480, 800] as const;
const LOOSEST = 32;
/** Pixels that a word needs to be written out. */
const WORD_WIDTH = 46;

export class MapView {
  readonly #player: Player;
  readonly #onSelect: (address: number) => void;
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  readonly #place = byId("map");
  readonly #resizes: ResizeObserver;
  readonly #status = element("p", { class: "hint" });
  #palette: Palette = [];
  #layout: Layout;
  #levels: Levels | undefined;
  #view: View;
  #image: ImageData | undefined;
  #height: number = HEIGHTS[0];
  #selected = -1;
  #accesses: readonly Access[] = [];
  #isScheduled = false;

  constructor(player: Player, onSelect: (address: number) => void) {
    this.#player = player;
    this.#onSelect = onSelect;
    this.#canvas = element("canvas", { tabindex: 0, role: "application" });
    this.#context = this.#canvas.getContext("2d")!;
    this.#place.replaceChildren(this.#toolbar(), this.#canvas, this.#status, legend());
    this.#layout = layoutOf(player.engine);
    this.#view = wholeView(this.#layout, this.#height);
    this.#listen();
    this.#resizes = new ResizeObserver(() => this.#resize());
    this.#resizes.observe(this.#place);
    this.recolour();
    this.#resize();
  }

  destroy(): void {
    this.#resizes.disconnect();
  }

  get layout(): Layout {
    return this.#layout;
  }

  /** Shows the heap as it is now, and marks what the last op read and wrote. */
  update(accesses: readonly Access[]): void {
    const wasWhole = this.#isWhole();
    this.#accesses = accesses;
    this.#layout = layoutOf(this.#player.engine);
    this.#levels = undefined;
    this.#view = wasWhole ? wholeView(this.#layout, this.#canvas.height) : this.#view;
    const { base, end } = this.#layout;
    this.#canvas.setAttribute(
      "aria-label",
      `Address map from ${hex(base)} to ${hex(end)}. Arrow keys move, plus and minus zoom, brackets select.`,
    );
    this.#redraw();
  }

  recolour(): void {
    this.#palette = KIND_COLOURS.map(pixelOf);
    this.#levels = undefined;
    this.#redraw();
  }

  /** Selects the entry that has an address, and shows it. */
  select(address: number): void {
    this.#selected = address;
    this.#reveal(address);
    this.#redraw();
    this.#onSelect(address);
  }

  // Drawing ---------------------------------------------------------------------------------------------------------------

  #isWhole(): boolean {
    const whole = wholeView(this.#layout, this.#canvas.height);
    return whole.zoom === this.#view.zoom && whole.origin === this.#view.origin;
  }

  #resize(): void {
    const width = Math.max(100, Math.floor(this.#place.clientWidth) - 2);
    const { width: had, height } = this.#canvas;
    if (had === width && height === this.#height && this.#image !== undefined) return;
    this.#canvas.width = width;
    this.#canvas.height = this.#height;
    this.#image = this.#context.createImageData(width, this.#height);
    this.#draw();
  }

  #redraw(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    requestAnimationFrame(() => {
      this.#isScheduled = false;
      this.#draw();
    });
  }

  #draw(): void {
    if (this.#image === undefined) return;
    this.#levels ??= levelsOf(this.#layout, this.#palette);
    const { width, height } = this.#canvas;
    const pixels = new Uint32Array(this.#image.data.buffer);
    const back = pixelOf("back");
    drawPixels(pixels, width, height, this.#view, this.#layout, this.#levels, this.#palette, back);
    this.#context.putImageData(this.#image, 0, 0);
    this.#drawWords();
    const [read, written] = [colour("accent"), colour("bad")];
    for (const { address, isWrite } of this.#accesses) {
      this.#outline(address, address + 4, isWrite ? written : read, 1);
    }
    this.#outlineSelected();
    const { origin, zoom } = this.#view;
    this.#status.textContent = `From ${hex(Math.max(0, origin))}, ${bytes(2 ** zoom)} in a row`;
  }

  #outlineSelected(): void {
    if (this.#selected < 0) return;
    const entry = this.#layout.entryAt(this.#selected);
    const [from, to] =
      entry < 0
        ? [this.#selected, this.#selected + 4]
        : [this.#layout.from[entry]!, this.#layout.to[entry]!];
    this.#outline(from, to, colour("text"), 2);
  }

  /** Outlines the bytes from one address to another, in each row that they are in. */
  #outline(from: number, to: number, stroke: string, lineWidth: number): void {
    const { zoom, origin } = this.#view;
    const { width, height } = this.#canvas;
    const tall = rowHeight(zoom);
    const rowBytes = 2 ** zoom;
    const firstRow = Math.max(0, Math.floor((from - origin) / rowBytes));
    const lastRow = Math.min(Math.ceil(height / tall), Math.floor((to - 1 - origin) / rowBytes));
    this.#context.strokeStyle = stroke;
    this.#context.lineWidth = lineWidth;
    for (let row = firstRow; row <= lastRow; row += 1) {
      const start = origin + row * rowBytes;
      const left = ((Math.max(from, start) - start) / rowBytes) * width;
      const right = ((Math.min(to, start + rowBytes) - start) / rowBytes) * width;
      this.#context.strokeRect(
        left + 0.5,
        row * tall + 0.5,
        Math.max(2, right - left - 1),
        tall - 2,
      );
    }
  }

  /** In a close view, writes out each word in hexadecimal digits. */
  #drawWords(): void {
    const { zoom, origin } = this.#view;
    const { width, height } = this.#canvas;
    const wordWidth = (4 * width) / 2 ** zoom;
    if (wordWidth < WORD_WIDTH) return;
    this.#context.fillStyle = colour("text");
    this.#context.font = "11px ui-monospace, monospace";
    const rows = Math.ceil(height / rowHeight(zoom));
    const end = Math.min(this.#layout.end, origin + rows * 2 ** zoom);
    for (let address = Math.max(origin, this.#layout.base); address < end; address += 4) {
      const { x, y } = placeOf(this.#view, width, address);
      const word = this.#player.word(address).toString(16);
      this.#context.fillText(word, x + 4, y + rowHeight(zoom) / 2 + 4);
    }
  }

  // Moving ----------------------------------------------------------------------------------------------------------------

  #toolbar(): HTMLElement {
    const middle = (): { x: number; y: number } => ({
      x: this.#canvas.width / 2,
      y: this.#height / 2,
    });
    return element("div", { class: "bar" }, [
      button("+", "Zoom into the map", () => this.#zoom(-1, middle())),
      button("−", "Zoom out of the map", () => this.#zoom(1, middle())),
      button("Whole heap", "Show the whole heap", () => this.showWhole()),
      button("Taller", "Make the map taller, or restore its height", () => this.#toggleHeight()),
      button("Previous", "Select the previous block", () => this.#selectNext(-1)),
      button("Next", "Select the next block", () => this.#selectNext(1)),
    ]);
  }

  #toggleHeight(): void {
    this.#height = HEIGHTS[this.#height === HEIGHTS[0] ? 1 : 0];
    const isWhole = this.#isWhole();
    this.#resize();
    if (isWhole) this.showWhole();
  }

  showWhole(): void {
    this.#view = wholeView(this.#layout, this.#canvas.height);
    this.#redraw();
  }

  #listen(): void {
    const canvas = this.#canvas;
    const at = (event: MouseEvent): { x: number; y: number } => {
      const box = canvas.getBoundingClientRect();
      const scale = canvas.width / canvas.clientWidth;
      return { x: (event.clientX - box.left) * scale, y: (event.clientY - box.top) * scale };
    };
    let pressed: { x: number; y: number; origin: number; isMoved: boolean } | undefined;
    canvas.addEventListener("pointerdown", (event) => {
      pressed = { ...at(event), origin: this.#view.origin, isMoved: false };
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (pressed === undefined) return;
      const { x, y } = at(event);
      if (Math.hypot(x - pressed.x, y - pressed.y) > 3) pressed.isMoved = true;
      if (!pressed.isMoved) return;
      const rows = (y - pressed.y) / rowHeight(this.#view.zoom);
      const across = (x - pressed.x) / canvas.width;
      this.#moveTo(
        pressed.origin - Math.round(rows) * 2 ** this.#view.zoom - across * 2 ** this.#view.zoom,
      );
    });
    canvas.addEventListener("pointerup", (event) => {
      const { x, y } = at(event);
      if (pressed?.isMoved === false) this.#selectAt(addressAt(this.#view, canvas.width, x, y));
      pressed = undefined;
    });
    canvas.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        this.#zoom(event.deltaY > 0 ? 1 : -1, at(event));
      },
      { passive: false },
    );
    canvas.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !this.#press(event.key)) return;
      event.preventDefault();
    });
  }

  /** Does what a key stands for; false if it stands for nothing. */
  #press(key: string): boolean {
    const { origin, zoom } = this.#view;
    const row = 2 ** zoom;
    const middle = { x: this.#canvas.width / 2, y: this.#height / 2 };
    if (key === "ArrowUp") this.#moveTo(origin - row);
    else if (key === "ArrowDown") this.#moveTo(origin + row);
    else if (key === "ArrowLeft") this.#moveTo(origin - row / 8);
    else if (key === "ArrowRight") this.#moveTo(origin + row / 8);
    else if (key === "PageUp") this.#moveTo(origin - row * 8);
    else if (key === "PageDown") this.#moveTo(origin + row * 8);
    else if (key === "Home") this.#moveTo(this.#layout.base);
    else if (key === "End") this.#moveTo(this.#layout.end - row * 8);
    else if (key === "+" || key === "=") this.#zoom(-1, middle);
    else if (key === "-") this.#zoom(1, middle);
    else if (key === "0") this.showWhole();
    else if (key === "[") this.#selectNext(-1);
    else if (key === "]") this.#selectNext(1);
    else return false;
    return true;
  }

  /** Puts another address into the top left corner. */
  #moveTo(origin: number): void {
    const { base, end } = this.#layout;
    const row = 2 ** this.#view.zoom;
    const lowest = base - row / 2;
    const highest = Math.max(lowest, end - row);
    const wanted = Math.min(highest, Math.max(lowest, origin));
    this.#view = { ...this.#view, origin: Math.round(wanted / 4) * 4 };
    this.#redraw();
  }

  /** The address at a point stays there. */
  #zoom(steps: number, { x, y }: { x: number; y: number }): void {
    const { width } = this.#canvas;
    const zoom = Math.min(LOOSEST, Math.max(CLOSEST, this.#view.zoom + steps));
    const address = addressAt(this.#view, width, x, y);
    const row = Math.floor(y / rowHeight(zoom));
    this.#view = { origin: this.#view.origin, zoom };
    this.#moveTo(address - (row + x / width) * 2 ** zoom);
  }

  #reveal(address: number): void {
    const { y } = placeOf(this.#view, this.#canvas.width, address);
    if (y >= 0 && y < this.#height - rowHeight(this.#view.zoom)) return;
    this.#moveTo(address - 4 * 2 ** this.#view.zoom);
  }

  #selectAt(address: number): void {
    const { base, end } = this.#layout;
    if (address < base || address >= end) return;
    const entry = this.#layout.entryAt(address);
    this.select(entry < 0 ? address : this.#layout.pointerOf(entry));
  }

  #selectNext(step: 1 | -1): void {
    const { count } = this.#layout;
    if (count === 0) return;
    const now = this.#selected < 0 ? -1 : this.#layout.firstEndingAbove(this.#selected);
    const next = this.#selected < 0 ? 0 : Math.min(count - 1, Math.max(0, now + step));
    this.select(this.#layout.pointerOf(next));
  }
}

function legend(): HTMLElement {
  const items = [1, 3, 0, 7, 2, 4, 6].map((kind) => swatch(KIND_NAMES[kind]!, KIND_COLOURS[kind]!));
  return element("p", { class: "hint bar" }, items);
}
