import type { EntryType } from "@quorate/raft";
import { decode } from "@quorate/wire";
import { KeyValueSchema } from "@quorate/wire/mvccpb";
import type { Process } from "../world/process.ts";
import type { World } from "../world/world.ts";

/** One change of one key. */
export interface Change {
  readonly main: number;
  readonly sub: number;
  readonly tombstone: boolean;
  readonly key: string;
  readonly value: string;
  readonly lease: bigint;
  /** As it is stored. */
  readonly record: Uint8Array;
}

export interface Revision {
  readonly changes: Change[];
  /** When the first member had applied it. */
  readonly firstSeenMs: number;
}

/** What an entry led to. */
export interface StateAfter {
  readonly revision: number;
  /** Of users and roles, and whether these matter. */
  readonly usersRevision: number;
  readonly isRestricted: boolean;
}

interface SeenEntry {
  readonly term: number;
  readonly type: EntryType;
  readonly data: Uint8Array;
}

/**
 * What the members agreed on, as seen from outside of the world: looks at each member after everything it does, and
 * finds at once when two of them have applied different things.
 */
export class History {
  readonly revisions = new Map<number, Revision>();
  readonly #world: World;
  readonly #entries = new Map<number, SeenEntry>();
  /** By index of an entry. */
  readonly #statesAfter = new Map<number, StateAfter>();
  #last = 1;
  #lastIndex = 0;
  #begunIndex = 0;

  constructor(world: World) {
    this.#world = world;
  }

  get lastRevision(): number {
    return this.#last;
  }

  /** Of the entries that somebody has applied. */
  get lastIndex(): number {
    return this.#lastIndex;
  }

  /** Of the entries that somebody has begun to apply: who did may have answered, and be gone before it was looked at. */
  get begunIndex(): number {
    return this.#begunIndex;
  }

  entry(index: number): SeenEntry | undefined {
    return this.#entries.get(index);
  }

  /** Undefined when nobody was seen to be just there. */
  stateAfter(index: number): StateAfter | undefined {
    return this.#statesAfter.get(index);
  }

  observe(process: Process): void {
    if (!process.isRestored) return;
    const { consensus, store } = process.parts!;
    if (consensus.appliedIndex > process.seenIndex) this.#observeLog(process, consensus.appliedIndex);
    if (store.currentRevision > process.seenRevision) this.#observeStore(process, store.currentRevision);
    this.#observeState(process, process.parts!.context.backend.consistentIndex);
  }

  /** Compares everything that `process` has stored. */
  observeAll(process: Process): void {
    this.#observeStore(process, process.parts!.store.currentRevision, 0);
  }

  /** `process` is about to apply the entry at `index`. */
  begins(process: Process, index: number): void {
    this.#begunIndex = Math.max(this.#begunIndex, index);
    this.#observeState(process, index - 1);
  }

  /** `process` reflects the entries up to `index`. Whoever reflects the same ones must be at the same revisions. */
  #observeState(process: Process, index: number): void {
    const { store, context } = process.parts!;
    const revision = store.currentRevision;
    const { revision: usersRevision, isEnabled } = context.auth;
    const known = this.#statesAfter.get(index);
    if (known === undefined) {
      this.#statesAfter.set(index, { revision, usersRevision, isRestricted: isEnabled });
    } else if (
      known.revision !== revision ||
      known.usersRevision !== usersRevision ||
      known.isRestricted !== isEnabled
    ) {
      const found = `at revision ${revision}, of users ${usersRevision} (${isEnabled})`;
      const other = `at ${known.revision}, of users ${known.usersRevision} (${known.isRestricted})`;
      this.#world.violation(
        `${process.name} is ${found} after entry ${index}, where another one was ${other}`,
        "one history",
      );
    }
  }

  #observeLog(process: Process, to: number): void {
    const { raftLog } = process.storage!;
    const from = Math.max(process.seenIndex + 1, raftLog.firstIndex());
    process.seenIndex = to;
    this.#lastIndex = Math.max(this.#lastIndex, to);
    if (from > to || to > raftLog.lastIndex()) return;
    for (const { index, term, type, data } of raftLog.entries(from, to + 1, Number.POSITIVE_INFINITY)) {
      const known = this.#entries.get(index);
      if (known === undefined) this.#entries.set(index, { term, type, data });
      else if (known.term !== term || Buffer.compare(known.data, data) !== 0) {
        this.#world.violation(
          `${process.name} has applied another entry at index ${index}: term ${term} instead of ${known.term}`,
          "one history",
        );
      }
    }
  }

  #observeStore(process: Process, to: number, from = process.seenRevision + 1): void {
    process.seenRevision = to;
    for (const { main, sub, tombstone, record } of process.parts!.context.backend.scanRevisions(from, to)) {
      let revision = this.revisions.get(main);
      if (revision === undefined) {
        revision = { changes: [], firstSeenMs: this.#world.time.nowMs };
        this.revisions.set(main, revision);
        this.#last = Math.max(this.#last, main);
      }
      const known = revision.changes.find((change) => change.sub === sub);
      if (known === undefined) {
        if (revision.firstSeenMs !== this.#world.time.nowMs) {
          this.#world.violation(
            `${process.name} has a change ${main}/${sub} that others do not have`,
            "one history",
          );
        }
        revision.changes.push(decodeChange(main, sub, tombstone, record.slice()));
      } else if (known.tombstone !== tombstone || Buffer.compare(known.record, record) !== 0) {
        const other = decodeChange(main, sub, tombstone, record.slice());
        this.#world.violation(
          `${process.name} has another change at revision ${main}/${sub}: ${describeChange(other)} instead of ${describeChange(known)}`,
          "one history",
        );
      }
    }
  }
}

/** The history by keys, when it is complete. */
export class KeyHistories {
  readonly #byKey = new Map<string, Change[]>();
  readonly #byValue = new Map<string, Change[]>();

  constructor(history: History) {
    for (const main of [...history.revisions.keys()].sort((a, b) => a - b)) {
      for (const change of history.revisions.get(main)!.changes) {
        add(this.#byKey, change.key, change);
        if (!change.tombstone) add(this.#byValue, change.value, change);
      }
    }
  }

  keys(): string[] {
    return [...this.#byKey.keys()].sort();
  }

  of(key: string): readonly Change[] {
    return this.#byKey.get(key) ?? [];
  }

  withValue(value: string): readonly Change[] {
    return this.#byValue.get(value) ?? [];
  }

  /** The last change of `key` up to a revision; undefined while it does not exist. */
  at(key: string, revision: number): Change | undefined {
    const last = this.of(key).findLast((change) => change.main <= revision);
    return last === undefined || last.tombstone ? undefined : last;
  }
}

function add(map: Map<string, Change[]>, key: string, change: Change): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [change]);
  else list.push(change);
}

function decodeChange(main: number, sub: number, tombstone: boolean, record: Uint8Array): Change {
  const { key, value, lease } = decode(KeyValueSchema, record);
  return {
    main,
    sub,
    tombstone,
    key: Buffer.from(key).toString(),
    value: Buffer.from(value).toString(),
    lease,
    record,
  };
}

export function describeChange({ tombstone, key, value }: Change): string {
  return tombstone ? `delete ${key}` : `put ${key} ${value}`;
}
