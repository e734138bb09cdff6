import type { WatchedChange, Watcher } from "../clients/watcher.ts";
import { describeChange, type History, type KeyHistories } from "./history.ts";

/**
 * Whether a watcher that has caught up, or was stopped, saw every change that it asked for, once and in order, each with
 * what the key held before. Returns what is wrong.
 */
export function checkWatcher(watcher: Watcher, history: History, keys: KeyHistories): string[] {
  const { gaps, seen, next, isStopped } = watcher;
  const { key, end, name, filters = [] } = watcher.options;
  const expected: WatchedChange[] = [];
  for (const main of [...history.revisions.keys()].sort((a, b) => a - b)) {
    if (isStopped && main >= next) break;
    if (gaps.some(({ from, to }) => from <= main && main <= to)) continue;
    const changes = history.revisions.get(main)!.changes.toSorted((a, b) => a.sub - b.sub);
    expected.push(
      ...changes.filter(
        (change) =>
          change.key >= key && change.key < end && !filters.includes(change.tombstone ? "deletes" : "puts"),
      ),
    );
  }
  for (let i = 0; i < Math.max(expected.length, seen.length); i++) {
    const [a, b] = [expected[i], seen[i]];
    if (a === undefined || b === undefined || !isEqual(a, b)) {
      return [`watcher ${name}, event ${i}: ${describe(b)} instead of ${describe(a)}`];
    }
    const before = keys.at(b.key, b.main - 1);
    if (b.previous === undefined && (b.wantsPrevious !== true || before === undefined)) continue;
    const { value, modRevision } = b.previous ?? { value: undefined, modRevision: undefined };
    if (value === before?.value && modRevision === before?.main) continue;
    const wrong = `${value}@${modRevision} instead of ${before?.value}@${before?.main}`;
    return [`watcher ${name}, event ${i}: ${describe(b)} has the previous value ${wrong}`];
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
