import { decodeKeyValue, encodeKeyValue, encodeTombstone } from "@quorate/wire/hot";
import { compareBytes } from "../../keys/bytes.ts";
import type { Change, HistoryScan, RecordCopies } from "../../keys/change.ts";
import { rangeContains } from "../../keys/key-range.ts";
import type { WatchSource } from "../source.ts";

export type Operation =
  | { put: string | Uint8Array; value?: string | Uint8Array; lease?: bigint }
  | { delete: string | Uint8Array };

interface Held {
  readonly change: Change;
  readonly name: string;
}

/** The store in its simplest form: a list of all changes. */
export class MemoryStore implements WatchSource {
  currentRevision = 1;
  compactRevision = -1;
  onChanges: (main: number, changes: readonly Change[]) => void = () => {};
  /** In place of `onChanges` when there are more than `maxChanges`. */
  onManyChanges: (main: number, lowest: Uint8Array, highest: Uint8Array) => void = () => {};
  maxChanges = Number.POSITIVE_INFINITY;
  /** A step of a scan looks at no more records, whatever it is asked for. */
  maxStepRecords = Number.POSITIVE_INFINITY;
  private changes: Held[] = [];
  private last = new Map<string, Held>();
  /** What made the copies that readers of history were handed. */
  readonly copies = new Set<RecordCopies>();
  openScans = 0;
  /** Calls of `getAt`. */
  lookups = 0;
  /** What each step of a scan has looked at. */
  readonly steps: { records: number; bytes: number }[] = [];

  /** One write transaction. Deletes of absent keys change nothing. */
  write(...operations: Operation[]): number {
    const main = this.currentRevision + 1;
    const made: Change[] = [];
    for (const operation of operations) {
      const change = this.apply(operation, main, made.length);
      if (change === undefined) continue;
      made.push(change);
      const held = { change, name: nameOf(change.key) };
      this.changes.push(held);
      this.last.set(held.name, held);
    }
    if (made.length === 0) return this.currentRevision;
    this.currentRevision = main;
    if (made.length <= this.maxChanges) this.onChanges(main, made);
    else {
      const keys = made.map(({ key }) => key).sort(compareBytes);
      this.onManyChanges(main, keys[0]!, keys.at(-1)!);
    }
    return main;
  }

  put(key: string, value = "v"): number {
    return this.write({ put: key, value });
  }

  delete(key: string): number {
    return this.write({ delete: key });
  }

  /** Keeps, of each key, what a read at `revision` or later can see, and tombstones at `revision` itself. */
  compact(revision: number): void {
    this.compactRevision = revision;
    const newest = new Map<string, Held>();
    for (const held of this.changes) if (held.change.main <= revision) newest.set(held.name, held);
    this.changes = this.changes.filter(
      (held) =>
        held.change.main > revision ||
        (newest.get(held.name) === held && (!held.change.deleted || held.change.main === revision)),
    );
  }

  getAt(key: Uint8Array, revision: number): Uint8Array | undefined {
    this.lookups += 1;
    if (revision < this.compactRevision) return undefined;
    const name = nameOf(key);
    let i = indexAfter(this.changes, revision) - 1;
    while (i >= 0 && this.changes[i]!.name !== name) i -= 1;
    const last = this.changes[i];
    return last === undefined || last.change.deleted ? undefined : last.change.record;
  }

  openHistory(key: Uint8Array, rangeEnd: Uint8Array, fromMain: number, toMain: number): HistoryScan {
    let position = fromMain - 1;
    /** Of the revision after `position`, what comes up to and with this has been looked at. */
    let insideSub = -1;
    let open = true;
    this.openScans += 1;
    return {
      get position() {
        return position;
      },
      advance: (maxRecords: number, maxBytes: number, into: Change[], copies?: RecordCopies) => {
        if (copies !== undefined) this.copies.add(copies);
        const end = indexAfter(this.changes, toMain);
        const wantedRecords = Math.min(maxRecords, this.maxStepRecords);
        let upTo = toMain;
        const step = { records: 0, bytes: 0 };
        const inside = position + 1;
        const afterSub = insideSub;
        insideSub = -1;
        for (let i = indexAfter(this.changes, position); i < end; i++) {
          const { change } = this.changes[i]!;
          if (change.main === inside && change.sub <= afterSub) continue;
          if (change.main > upTo) break;
          if (step.records >= 4 * wantedRecords || step.bytes >= 4 * maxBytes) {
            upTo = change.main - 1;
            insideSub = change.sub - 1;
            break;
          }
          if (rangeContains(key, rangeEnd, change.key))
            into.push(copies === undefined ? change : { ...change, record: copies.copy(change.record) });
          step.records += 1;
          step.bytes += change.record.length;
          if (step.records >= wantedRecords || step.bytes >= maxBytes) upTo = change.main;
        }
        position = upTo;
        this.steps.push(step);
      },
      close: () => {
        if (open) this.openScans -= 1;
        open = false;
      },
    };
  }

  /** Takes over everything of another store, as the installation of a snapshot does. */
  replaceBy(other: MemoryStore): void {
    this.changes = [...other.changes];
    this.last = new Map(other.last);
    this.currentRevision = other.currentRevision;
    this.compactRevision = other.compactRevision;
  }

  /** All changes that a compaction has left, in order. */
  history(): Change[] {
    return this.changes.map(({ change }) => change);
  }

  private apply(operation: Operation, main: number, sub: number): Change | undefined {
    const key = bytesOf("put" in operation ? operation.put : operation.delete);
    const name = nameOf(key);
    const last = this.last.get(name);
    const live = last !== undefined && !last.change.deleted ? decodeKeyValue(last.change.record) : undefined;
    if ("delete" in operation) {
      if (live === undefined) return undefined;
      return { key, main, sub, deleted: true, record: encodeTombstone(key) };
    }
    const record = encodeKeyValue(
      key,
      live?.createRevision ?? main,
      main,
      (live?.version ?? 0) + 1,
      bytesOf(operation.value ?? "v"),
      operation.lease ?? 0n,
    );
    return { key, main, sub, deleted: false, record };
  }
}

export function bytesOf(value: string | Uint8Array): Uint8Array {
  return typeof value === "string" ? new Uint8Array(Buffer.from(value)) : value;
}

export function nameOf(key: Uint8Array): string {
  return Buffer.from(key).toString("latin1");
}

/** The index of the first change with a greater revision. */
function indexAfter(changes: readonly Held[], revision: number): number {
  let low = 0;
  let high = changes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (changes[middle]!.change.main <= revision) low = middle + 1;
    else high = middle;
  }
  return low;
}
