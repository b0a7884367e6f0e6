/** Suggests a setting: replays the program with several, and compares the memory that they need. */

import { DEFAULT_SETTING, Player, type PlayerSetting } from "../player.ts";
import { bytes, count, percent } from "../text.ts";
import { button, byId, element, table } from "./dom.ts";
import { inSlices } from "./slices.ts";

const SETTINGS: readonly PlayerSetting[] = [
  DEFAULT_SETTING,
  { ...DEFAULT_SETTING, margin: 0 },
  { ...DEFAULT_SETTING, margin: 2 ** 20 },
  { ...DEFAULT_SETTING, small: 512 },
  { ...DEFAULT_SETTING, small: 128 },
  { ...DEFAULT_SETTING, small: 0 },
];

interface Outcome {
  readonly setting: PlayerSetting;
  readonly peakFootprint: number;
  readonly utilisation: number;
  readonly breakMoves: number;
  readonly failures: number;
}

export function showSuggestions(player: Player): void {
  const place = byId("suggestions");
  const start = button("Try other settings", "Replay the trace with other settings", () => {
    start.disabled = true;
    void measureAll(player, place);
  });
  place.replaceChildren(
    element("p", {}, [
      "Replays the trace with other margins and other limits for slabs, and compares the memory that they need.",
    ]),
    start,
  );
}

async function measureAll(player: Player, place: HTMLElement): Promise<void> {
  const progress = element("progress", { max: 1, value: 0, "aria-label": "Trying settings" });
  place.append(progress);
  const outcomes: Outcome[] = [];
  for (const [i, setting] of SETTINGS.entries()) {
    const tried = new Player(player.program, { ...setting, limit: player.setting.limit });
    await inSlices(tried.build(), (share) => (progress.value = (i + share) / SETTINGS.length));
    outcomes.push({
      setting,
      peakFootprint: tried.peakFootprint,
      utilisation: tried.peakLive / Math.max(1, tried.peakFootprint),
      breakMoves: tried.moves,
      failures: tried.failures.length,
    });
  }
  showOutcomes(player, outcomes, place);
}

function showOutcomes(player: Player, outcomes: readonly Outcome[], place: HTMLElement): void {
  const ranked = outcomes.toSorted(
    (a, b) =>
      a.failures - b.failures || a.peakFootprint - b.peakFootprint || a.breakMoves - b.breakMoves,
  );
  const [best] = ranked;
  const saved = player.peakFootprint - best!.peakFootprint;
  const moves = best!.breakMoves - player.moves;
  const verdict =
    saved <= 0
      ? "None of these settings needs less memory than this run's."
      : `${settingText(best!.setting)} needs ${bytes(saved)} less (${percent(saved / player.peakFootprint)}), ${
          moves > 0 ? `and ${count(moves)} more break moves` : "and not more break moves"
        }.`;
  const rows = ranked.map(({ setting, peakFootprint, utilisation, breakMoves, failures }) => [
    settingText(setting),
    bytes(peakFootprint),
    percent(utilisation),
    count(breakMoves),
    count(failures),
  ]);
  place.replaceChildren(
    element("p", { role: "status" }, [verdict]),
    table(
      [
        { title: "setting" },
        { title: "peak footprint", isNumber: true },
        { title: "utilisation", isNumber: true },
        { title: "break moves", isNumber: true },
        { title: "failures", isNumber: true },
      ],
      rows,
    ),
    element("p", { class: "soft" }, [
      "A move of the break is slow. For time per operation, use heapwright compare.",
    ]),
  );
}

function settingText({ margin, small }: PlayerSetting): string {
  const margins = margin === "auto" ? "auto" : margin === 0 ? "0" : bytes(margin);
  return `margin ${margins}, small ${small}`;
}
