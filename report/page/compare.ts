/** Two runs side by side. */

import type { Player } from "../player.ts";
import { byId, table } from "./dom.ts";
import { runFigures } from "./panels.ts";

interface Named {
  readonly name: string;
  readonly player: Player;
}

export function showComparison(one: Named, other: Named | undefined): void {
  byId("compare-section").hidden = other === undefined;
  if (other === undefined) return;
  const others = runFigures(other.player);
  const rows = runFigures(one.player).map(([name, value], at) => [name, value, others[at]![1]]);
  byId("compare").replaceChildren(
    table(
      [{ title: "" }, { title: one.name, isNumber: true }, { title: other.name, isNumber: true }],
      rows,
    ),
  );
}
