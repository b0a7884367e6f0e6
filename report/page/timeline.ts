/** The timeline: what the footprint is for, over the ops. */

import uPlot from "uplot";

import { PARTS, type Part, type Player, type Series } from "../player.ts";
import { bytes, count } from "../text.ts";
import { button, byId, colour } from "./dom.ts";

export const PART_NAMES: Readonly<Record<Part, string>> = {
  live: "live",
  rounding: "rounding",
  slots: "free slots",
  blocks: "free blocks",
  metadata: "metadata",
  margin: "margin",
};

const POINTS = 1500;
const HEIGHT = 280;
/** Between two lines of the grid. */
const BYTE_STEPS = Array.from({ length: 31 }, (_, power) => 2 ** power);
/** Marks are drawn for so many break moves or failures in sight at most; more would be one bar. */
const MOST_MARKS = 2000;

export class Timeline {
  readonly #player: Player;
  readonly #other: Player | undefined;
  readonly #onMoment: (moment: number) => void;
  readonly #place = byId("timeline");
  readonly #resizes: ResizeObserver;
  #chart: uPlot;
  #moment = 0;
  #from = 0;
  #to: number;
  #series: Series;

  /** @param other a run to draw as lines over this one, its ops stretched to the same width */
  constructor(player: Player, other: Player | undefined, onMoment: (moment: number) => void) {
    this.#player = player;
    this.#other = other;
    this.#onMoment = onMoment;
    this.#to = player.program.ops;
    this.#series = player.series(0, this.#to, POINTS);
    this.#chart = this.#makeChart();
    byId("zoom-bar").replaceChildren(
      button("Zoom in", "Zoom into the timeline around the moment", () => this.#zoomBy(0.25)),
      button("Zoom out", "Zoom out of the timeline", () => this.#zoomBy(4)),
      button("Whole", "Show the whole timeline", () => this.show(0, player.program.ops)),
    );
    this.#resizes = new ResizeObserver(() => {
      const width = this.#place.clientWidth;
      if (width > 0 && width !== this.#chart.width) this.#chart.setSize({ width, height: HEIGHT });
    });
    this.#resizes.observe(this.#place);
  }

  /** Draws the line of the moment. */
  set moment(moment: number) {
    this.#moment = moment;
    this.#chart.redraw(false);
  }

  /** Draws it again in the colours of now. */
  recolour(): void {
    this.#chart.destroy();
    this.#chart = this.#makeChart();
  }

  destroy(): void {
    this.#resizes.disconnect();
    this.#chart.destroy();
  }

  /** The moments at the left and at the right edge. */
  get range(): readonly [number, number] {
    return [this.#from, this.#to];
  }

  /** Shows the ops from one moment to another. */
  show(from: number, to: number): void {
    const { ops } = this.#player.program;
    this.#from = Math.max(0, Math.floor(from));
    this.#to = Math.min(ops, Math.max(Math.ceil(to), this.#from + Math.min(10, ops)));
    this.#series = this.#player.series(this.#from, this.#to, POINTS);
    this.#chart.batch(() => {
      this.#chart.setData(this.#data(), false);
      this.#chart.setScale("x", { min: this.#from, max: this.#to });
    });
  }

  #zoomBy(factor: number): void {
    const half = Math.max(5, ((this.#to - this.#from) * factor) / 2);
    const middle = factor < 1 ? this.#moment : (this.#from + this.#to) / 2;
    this.show(middle - half, middle + half);
  }

  /** Sums from below, the highest first: what is drawn later covers the lower part. */
  #data(): uPlot.AlignedData {
    const { ops, parts } = this.#series;
    const sums: Float64Array[] = [];
    let below = new Float64Array(ops.length);
    for (const part of PARTS) {
      const sum = new Float64Array(ops.length);
      for (let i = 0; i < ops.length; i += 1) sum[i] = below[i]! + parts[part][i]!;
      sums.unshift(sum);
      below = sum;
    }
    const lines = this.#other === undefined ? [] : this.#linesOf(this.#other, ops);
    return [ops, ...sums, ...lines] as unknown as uPlot.AlignedData;
  }

  /** Live bytes and footprint of the other run at these ops, or at the same share of its own. */
  #linesOf(other: Player, ops: Float64Array): Float64Array[] {
    const scale = other.program.ops / Math.max(1, this.#player.program.ops);
    const end = Math.min(other.program.ops, Math.ceil(this.#to * scale));
    const series = other.series(Math.floor(this.#from * scale), end, POINTS);
    let at = 0;
    const live = new Float64Array(ops.length);
    const footprint = new Float64Array(ops.length);
    for (let i = 0; i < ops.length; i += 1) {
      while (at + 1 < series.ops.length && series.ops[at + 1]! <= ops[i]! * scale) at += 1;
      live[i] = series.parts.live[at]!;
      footprint[i] = series.footprint[at]!;
    }
    return [live, footprint];
  }

  #makeChart(): uPlot {
    const areas = PARTS.toReversed().map((part): uPlot.Series => ({
      label: PART_NAMES[part],
      fill: colour(part),
      stroke: colour(part),
      width: 1,
      points: { show: false },
      value: (_, _value, __, at) => (at === null ? "" : bytes(this.#series.parts[part][at]!)),
    }));
    const names = this.#other === undefined ? [] : ["live, other run", "footprint, other run"];
    const lines = names.map((label, i): uPlot.Series => ({
      label,
      stroke: colour("text"),
      width: 1.5,
      points: { show: false },
      dash: i === 0 ? [2, 3] : [6, 3],
      value: (_, value) => (value === null ? "" : bytes(value)),
    }));
    const axis: uPlot.Axis = {
      stroke: colour("soft"),
      grid: { stroke: colour("line"), width: 1 },
      ticks: { stroke: colour("line"), width: 1 },
    };
    const chart = new uPlot(
      {
        width: Math.max(200, this.#place.clientWidth),
        height: HEIGHT,
        scales: {
          x: { time: false },
          y: { range: (_, __, most) => [0, Math.max(1, most * 1.05)] },
        },
        axes: [
          { ...axis, values: (_, splits) => splits.map(count) },
          { ...axis, size: 76, incrs: BYTE_STEPS, values: (_, splits) => splits.map(bytes) },
        ],
        series: [
          { label: "op", value: (_, value) => (value === null ? "" : count(value)) },
          ...areas,
          ...lines,
        ],
        cursor: { drag: { x: true, y: false, setScale: false }, points: { show: false } },
        hooks: {
          setSelect: [
            ({ select, posToVal }) => {
              if (select.width < 3) return;
              this.show(posToVal(select.left, "x"), posToVal(select.left + select.width, "x"));
              this.#chart.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
            },
          ],
          draw: [(drawn) => this.#drawMarks(drawn)],
        },
      },
      this.#data(),
      this.#place,
    );
    this.#listen(chart);
    chart.setScale("x", { min: this.#from, max: this.#to });
    return chart;
  }

  #listen(chart: uPlot): void {
    let pressedAt = 0;
    chart.over.addEventListener("mousedown", ({ clientX }) => (pressedAt = clientX));
    chart.over.addEventListener("click", ({ clientX }) => {
      if (Math.abs(clientX - pressedAt) > 2) return;
      const x = clientX - chart.over.getBoundingClientRect().left;
      const moment = Math.round(chart.posToVal(x, "x"));
      this.#onMoment(Math.min(this.#player.program.ops, Math.max(0, moment)));
    });
    chart.over.addEventListener("dblclick", () => this.show(0, this.#player.program.ops));
  }

  /** Break moves and failures at the upper edge, and the moment as a line. */
  #drawMarks(chart: uPlot): void {
    const { ctx, bbox } = chart;
    const x = (op: number): number => Math.round(chart.valToPos(op, "x", true));
    const inSight = (ops: readonly number[]): readonly number[] =>
      ops.filter((op) => op >= this.#from && op <= this.#to).slice(0, MOST_MARKS);
    const unit = devicePixelRatio;
    ctx.save();
    ctx.fillStyle = colour("text");
    for (const op of inSight(this.#player.breakMoves.map((move) => move.op))) {
      ctx.fillRect(x(op), bbox.top, unit, 6 * unit);
    }
    ctx.fillStyle = colour("bad");
    for (const op of inSight(this.#player.failures)) {
      ctx.fillRect(x(op) - unit, bbox.top, 3 * unit, 14 * unit);
    }
    ctx.fillStyle = colour("text");
    ctx.fillRect(x(this.#moment), bbox.top, Math.max(1, 1.5 * unit), bbox.height);
    ctx.restore();
  }
}
