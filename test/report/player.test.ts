/** Going to any moment of a program: what the heap is then does not depend on the way there. */

import { beforeAll, describe, expect, test } from "vitest";

import { layoutOf, KIND } from "../../report/layout.ts";
import { PARTS, Player, type PlayerSetting } from "../../report/player.ts";
import { Heap } from "../../src/index.ts";
import { openTrace, traceSource } from "../../trace/read.ts";
import { snapshotAfter } from "../../trace/replay.ts";
import { programOf, programOfText, recorded } from "./programs.ts";

async function playerOf(name: string, setting?: PlayerSetting): Promise<Player> {
  const player = new Player(await programOf(recorded(name)), setting);
  for (const _ of player.build());
  return player;
}

/** A number for the words of a heap, and where its memory ends. */
function hashOf(player: Player): string {
  let hash = 0;
  const end = player.engine.programBreak() >>> 2;
  for (let i = 0; i < end; i += 1) hash = (Math.imul(hash, 31) + player.words[i]!) | 0;
  return `${hash} ${player.engine.memoryBytes()} ${JSON.stringify(player.parts)}`;
}

describe.each(["python", "z3", "ffmpeg"])("%s", (name) => {
  let player: Player;
  beforeAll(async () => {
    player = await playerOf(name);
  });

  test("is the same from every direction, and sound", () => {
    const { ops } = player.program;
    const moments = [0, 1, 16383, 16384, 16385, 20000, 32768, ops - 1, ops];
    const forwards = moments.map((moment) => {
      player.seek(moment);
      return hashOf(player);
    });
    for (const at of [8, 2, 5, 0, 7, 3, 1, 6, 4, 8]) {
      player.seek(moments[at]!);
      expect(hashOf(player)).toBe(forwards[at]);
    }
    player.seek(20000);
    expect(player.engine.heap_check()).toBe(0);
  });

  test("is what a heap of the library is", async () => {
    for (const moment of [1000, player.peakMoment]) {
      player.seek(moment);
      const heap = new Heap();
      const { chunks } = await openTrace(traceSource(recorded(name)));
      const { entries, ...sums } = await snapshotAfter(moment, heap, chunks);
      expect(player.parts.live).toBe(sums.liveBytes);
      expect(player.parts.rounding).toBe(sums.internalBytes);
      expect(player.footprint).toBe(sums.heapBytes);
      expect(player.peakFootprint).toBeGreaterThanOrEqual(sums.heapBytes);

      const layout = layoutOf(player.engine);
      const inUse = [...entries].filter(({ kind }) => kind === "used" || kind === "used-slot");
      const walked: { address: number; size: number }[] = [];
      for (let entry = 0; entry < layout.count; entry += 1) {
        const kind = layout.kinds[entry];
        if (kind !== KIND.block && kind !== KIND.slot) continue;
        const address = layout.pointerOf(entry);
        walked.push({ address, size: layout.to[entry]! - address });
      }
      expect(walked).toEqual(inUse.map(({ address, size }) => ({ address, size })));
      expect(player.liveRecords).toBe(inUse.length);
    }
  });

  test("has parts that add up to the footprint", () => {
    const { ops } = player.program;
    const series = player.series(0, ops, 1000);
    for (let i = 0; i < series.ops.length; i += 1) {
      const sum = PARTS.reduce((total, part) => total + series.parts[part][i]!, 0);
      expect(sum).toBe(series.footprint[i]);
      for (const part of PARTS) expect(series.parts[part][i]).toBeGreaterThanOrEqual(0);
    }
    expect(Math.max(...series.parts.live)).toBe(player.peakLive);
    expect([series.ops[0], series.ops.at(-1)]).toEqual([0, ops]);
  });
});

test("shows every op of a short stretch, and stays at its moment", async () => {
  const player = await playerOf("cc1");
  player.seek(41000);
  const before = hashOf(player);
  const series = player.series(20000, 20100, 1000);
  expect([...series.ops]).toEqual(Array.from({ length: 101 }, (_, i) => 20000 + i));
  expect(player.moment).toBe(41000);
  expect(hashOf(player)).toBe(before);
  player.seek(20050);
  expect(series.parts.live[50]).toBe(player.parts.live);
});

test("takes the settings of the heap", async () => {
  const plain = await playerOf("sqlite");
  const other = await playerOf("sqlite", { fit: "best", margin: 1024 * 1024, small: 0 });
  expect(plain.isSlot.includes(1)).toBe(true);
  expect(other.isSlot.includes(1)).toBe(false);
  expect(plain.parts.slots).toBeGreaterThan(0);
  expect(other.parts.slots).toBe(0);
  expect(other.peakFootprint).toBeGreaterThan(1024 * 1024);
  expect(other.moves).toBeLessThan(plain.moves);
});

test("notes failures and break moves, and goes on", async () => {
  const program = await programOfText(
    "0\n4\n7\n1\na 0 100000\na 1 500000\nr 1 10\na 2 4294967295\nr 0 400000\nf 0\na 3 16\n",
  );
  const player = new Player(program, {
    fit: "best",
    margin: "auto",
    small: "auto",
    limit: 256 * 1024,
  });
  for (const _ of player.build());
  // The allocations of 500,000 bytes and of 4 GiB, and the reallocation to 400,000.
  expect(player.failures).toEqual([1, 3, 4]);
  expect(player.breakMoves.map(({ op }) => op)).toEqual([0]);
  expect(player.breakMoves[0]!.to).toBeLessThanOrEqual(256 * 1024);
  player.seek(5);
  expect(player.parts.live).toBe(100000);
  player.seek(7);
  expect(player.parts.live).toBe(16);
});

test("rejects moments that there are not", async () => {
  const player = new Player(await programOfText("0\n1\n1\n1\na 0 16\n"));
  expect(() => player.seek(0)).toThrow("not played to its end");
  for (const _ of player.build());
  for (const moment of [-1, 2, 0.5]) expect(() => player.seek(moment)).toThrow(RangeError);
});
