import type { NodeId } from "../types.ts";
import { compareIds } from "./majority.ts";

/**
 * A table of what each voter has acknowledged, for people: one line a voter, the longer the bar the further ahead.
 * `acked` holds no key for a voter that is not known to have acknowledged anything.
 */
export function describeAckedIndexes(voters: Iterable<NodeId>, acked: ReadonlyMap<NodeId, number>): string {
  const ids = [...new Set(voters)].sort(compareIds);
  if (ids.length === 0) return "<empty majority quorum>";
  const bars = barLengths(ids, acked);
  const lines = [`${" ".repeat(ids.length)}    idx\n`];
  for (const id of ids) {
    const index = acked.get(id);
    const bar = bars.get(id)!;
    const chart =
      index === undefined
        ? `?${" ".repeat(ids.length)}`
        : `${"x".repeat(bar)}>${" ".repeat(ids.length - bar)}`;
    lines.push(`${chart} ${String(index ?? 0).padStart(5)}    (id=${id.toString(16)})\n`);
  }
  return lines.join("");
}

/** How many voters are behind each: its rank among the acknowledged indexes, the same for equal ones. */
function barLengths(ids: readonly NodeId[], acked: ReadonlyMap<NodeId, number>): Map<NodeId, number> {
  const index = (id: NodeId) => acked.get(id) ?? 0;
  const ranked = ids.toSorted((a, b) => index(a) - index(b) || compareIds(a, b));
  const bars = new Map<NodeId, number>();
  let bar = 0;
  ranked.forEach((id, rank) => {
    if (rank > 0 && index(id) > index(ranked[rank - 1]!)) bar = rank;
    bars.set(id, bar);
  });
  return bars;
}

/** Infinity is what an empty quorum commits. */
export function describeIndex(index: number): string {
  return index === Number.POSITIVE_INFINITY ? "∞" : String(index);
}
