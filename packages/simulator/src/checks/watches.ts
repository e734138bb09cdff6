import type { WatchedChange, Watcher } from "../clients/watcher.ts";
import { describeChange, type History } from "./history.ts";

/** Whether a watcher that has caught up saw every change of its range, once and in order. Returns what is wrong. */
export function checkWatcher(watcher: Watcher, history: History): string[] {
  const { key, end, gaps, seen, name } = watcher;
  const expected: WatchedChange[] = [];
  for (const main of [...history.revisions.keys()].sort((a, b) => a - b)) {
    if (gaps.some(({ from, to }) => from <= main && main <= to)) continue;
    const changes = history.revisions.get(main)!.changes.toSorted((a, b) => a.sub - b.sub);
    expected.push(...changes.filter((change) => change.key >= key && change.key < end));
  }
  for (let i = 0; i < Math.max(expected.length, seen.length); i++) {
    const [a, b] = [expected[i], seen[i]];
    if (a !== undefined && b !== undefined && isEqual(a, b)) continue;
    return [`watcher ${name}, event ${i}: ${describe(b)} instead of ${describe(a)}`];
  }
  return [];
}

function isEqual(a: WatchedChange, b: WatchedChange): boolean {
  return (
    a.main === b.main &&
    a.tombstone === b.tombstone &&
    a.key === b.key &&
    (a.tombstone || a.value === b.value)
  );
}

function describe(change: WatchedChange | undefined): string {
  if (change === undefined) return "nothing";
  return `${describeChange({ ...change, sub: 0, lease: 0n, record: new Uint8Array(0) })} at ${change.main}`;
}
