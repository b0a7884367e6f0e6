/** The page of a report: reads its data, replays the traces in slices, and shows the moment that somebody goes to. */

import "./locale.ts";

import { DATA_VERSION, type ReportData } from "../data.ts";
import { explain } from "../explain.ts";
import { unpackProgram, type Program } from "../pack.ts";
import { Player } from "../player.ts";
import { count } from "../text.ts";
import { showComparison } from "./compare.ts";
import { button, byId, element } from "./dom.ts";
import { MapView } from "./map-view.ts";
import {
  showBlock,
  showHistograms,
  showParts,
  showSites,
  showStep,
  showSummary,
} from "./panels.ts";
import { showSuggestions } from "./suggest.ts";
import { inSlices } from "./slices.ts";
import { Timeline } from "./timeline.ts";

/** Ops between two frames while it plays. */
const PLAY_SHARE = 400;

const data = JSON.parse(byId("report").textContent!) as ReportData;
const programs = new Map<number, Program>();
const players = new Map<number, Player>();

/** A page that shows one run. */
class View {
  readonly player: Player;
  readonly timeline: Timeline;
  readonly map: MapView;
  readonly #slider: HTMLInputElement;
  readonly #number: HTMLInputElement;
  #selected = -1;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(player: Player, other: Player | undefined) {
    this.player = player;
    const { ops } = player.program;
    this.timeline = new Timeline(player, other, (moment) => this.go(moment));
    this.map = new MapView(player, (address) => this.#show(address));
    const input = (type: string, label: string): HTMLInputElement =>
      element("input", { type, min: 0, max: ops, step: 1, "aria-label": label });
    this.#slider = input("range", "Moment");
    this.#number = input("number", "Operations done");
    this.#slider.addEventListener("input", () => this.go(this.#slider.valueAsNumber));
    this.#number.addEventListener("change", () => {
      const wanted = Math.round(this.#number.valueAsNumber || 0);
      this.go(Math.min(ops, Math.max(0, wanted)));
    });
    byId("moment-bar").replaceChildren(
      button("Start", "Go to the beginning", () => this.go(0)),
      button("◀ Step", "One operation back", () => this.go(Math.max(0, player.moment - 1))),
      button("Step ▶", "One operation forward", () => this.go(Math.min(ops, player.moment + 1))),
      button("End", "Go to the end", () => this.go(ops)),
      button("Peak", "Go to the moment when most bytes are live", () => this.go(player.peakMoment)),
      button("Play", "Play from here, or stop", () => this.#play()),
      this.#slider,
      this.#number,
      ` of ${count(ops)}`,
    );
  }

  /** Goes to a moment and shows it. */
  go(moment: number): void {
    const { player } = this;
    const explanation = moment === 0 ? undefined : explain(player, moment);
    if (moment === 0) player.seek(0);
    this.#slider.value = `${moment}`;
    this.#number.value = `${moment}`;
    this.#slider.setAttribute("aria-valuetext", `after operation ${count(moment)}`);
    this.timeline.moment = moment;
    this.map.update(explanation?.accesses ?? []);
    showParts(player);
    showStep(explanation, (address) => this.map.select(address));
    this.#show(this.#selected);
  }

  #show(address: number): void {
    this.#selected = address;
    showBlock(
      this.player,
      this.map.layout,
      address,
      (moment) => this.go(moment),
      (other) => this.map.select(other),
    );
  }

  #play(): void {
    if (this.#timer !== undefined) {
      this.#stop();
      return;
    }
    const { ops } = this.player.program;
    const step = Math.max(1, Math.round(ops / PLAY_SHARE));
    const next = (): void => {
      const moment = Math.min(ops, this.player.moment + step);
      this.go(moment);
      if (moment === ops) this.#stop();
      else this.#timer = setTimeout(next, 50);
    };
    this.#timer = setTimeout(next, 0);
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  recolour(): void {
    this.timeline.recolour();
    this.map.recolour();
  }

  destroy(): void {
    this.#stop();
    this.timeline.destroy();
    this.map.destroy();
  }
}

let view: View | undefined;

async function programOf(trace: number): Promise<Program> {
  let program = programs.get(trace);
  if (program === undefined) {
    const packed = Uint8Array.from(atob(byId(`trace-${trace}`).textContent!), (letter) =>
      letter.charCodeAt(0),
    );
    const inflated = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    program = unpackProgram(new Uint8Array(await new Response(inflated).arrayBuffer()));
    programs.set(trace, program);
  }
  return program;
}

/** The player of a run, after it has played to the end. */
async function playerOf(run: number): Promise<Player> {
  let player = players.get(run);
  if (player === undefined) {
    const { trace, setting, name } = data.runs[run]!;
    const program = await programOf(trace);
    byId("status").textContent = `Replaying ${name}: ${count(program.ops)} operations…`;
    player = new Player(program, setting);
    const progress = byId<HTMLProgressElement>("progress");
    progress.hidden = false;
    await inSlices(player.build(), (share) => (progress.value = share));
    progress.hidden = true;
    players.set(run, player);
  }
  return player;
}

/** Shows a run, and another one beside it if its number is not -1. */
async function show(run: number, otherRun: number): Promise<void> {
  const player = await playerOf(run);
  const other = otherRun < 0 ? undefined : await playerOf(otherRun);
  byId("status").textContent = "";
  byId("main").hidden = false;
  view?.destroy();
  byId("timeline").replaceChildren();
  view = new View(player, other);
  showSummary(player);
  showHistograms(player);
  showSites(player);
  showSuggestions(player);
  showComparison(
    { name: data.runs[run]!.name, player },
    other === undefined ? undefined : { name: data.runs[otherRun]!.name, player: other },
  );
  view.go(player.peakMoment);
  // For tests, and for whoever looks at the page with the developer tools.
  Object.assign(globalThis, { heapReport: view });
}

function makeChoices(): void {
  const runs = byId<HTMLSelectElement>("run");
  const others = byId<HTMLSelectElement>("other");
  const options = (): HTMLElement[] =>
    data.runs.map(({ name }, at) => element("option", { value: at }, [name]));
  runs.append(...options());
  others.append(element("option", { value: -1 }, ["nothing"]), ...options());
  const isSeveral = data.runs.length > 1;
  byId("run-pick").hidden = !isSeveral;
  byId("other-pick").hidden = !isSeveral;
  for (const select of [runs, others]) {
    select.addEventListener("change", () => {
      void start(Number(runs.value), Number(others.value));
    });
  }
}

async function start(run: number, other: number): Promise<void> {
  try {
    await show(run, other);
  } catch (error) {
    byId("status").textContent = `The report cannot be shown: ${String(error)}`;
    byId("status").classList.add("bad");
    throw error;
  }
}

byId("title").textContent = data.title;
document.title = data.title;
makeChoices();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => view?.recolour());
if (data.version !== DATA_VERSION) byId("status").textContent = "The report is of another version.";
else void start(0, -1);
