/**
 * Everything that ever happened in the store, as watchers told it: the first one to see a revision adds it, every
 * other one must see the same.
 */
import { createHash } from "node:crypto";
import { type Event, EventType, type KeyValue } from "../grpc/messages.ts";

/** Values above this size are kept and compared by their hash. */
const LARGEST_KEPT_VALUE = 2_048;

export interface KeyVersion {
  readonly revision: number;
  /** undefined: deleted. */
  readonly value: string | undefined;
  readonly createRevision: number;
  readonly version: number;
  readonly lease: bigint;
  /** When a watcher was first told of it. */
  readonly seenMs: number;
}

export class EventHistory {
  readonly #revisions: string[] = [];
  readonly #versions = new Map<string, KeyVersion[]>();
  readonly #revisionOfValue = new Map<string, number>();
  /** The last revision known. A fresh store is at 1, and 1 has no events. */
  lastRevision = 1;

  /**
   * All events of one revision as one watcher saw them. Returns what is wrong with them, if anything; a watcher must
   * begin at most one revision behind `lastRevision`.
   */
  see(revision: number, events: readonly Event[], nowMs: number): string | undefined {
    const digest = digestOf(events);
    if (revision <= this.lastRevision) {
      const known = this.#revisions[revision];
      return known === digest
        ? undefined
        : `revision ${revision} is ${digest} here, and ${known} to another watcher`;
    }
    if (revision !== this.lastRevision + 1) {
      return `revision ${revision} came after ${this.lastRevision}: a gap`;
    }
    this.lastRevision = revision;
    this.#revisions[revision] = digest;
    const problems = events
      .map((event) => this.#add(event, nowMs))
      .filter((problem) => problem !== undefined);
    return problems.length === 0 ? undefined : problems.join("; ");
  }

  #add({ type, kv }: Event, nowMs: number): string | undefined {
    const key = keyOf(kv!);
    const revision = kv!.mod_revision;
    const versions = this.#versions.get(key) ?? [];
    this.#versions.set(key, versions);
    const last = versions.at(-1);
    const before = last?.value === undefined ? undefined : last;
    const common = { revision, seenMs: nowMs };
    if (type === EventType.DELETE) {
      versions.push({ ...common, value: undefined, createRevision: 0, version: 0, lease: 0n });
      return before === undefined ? `${key} was deleted at ${revision} but was not there` : undefined;
    }
    const value = shortValue(kv!);
    const earlier = this.#revisionOfValue.get(value);
    this.#revisionOfValue.set(value, revision);
    versions.push({
      ...common,
      value,
      createRevision: kv!.create_revision,
      version: kv!.version,
      lease: kv!.lease,
    });
    if (earlier !== undefined) return `${value} was written at ${earlier} and again at ${revision}`;
    const wantedVersion = (before?.version ?? 0) + 1;
    if (kv!.version !== wantedVersion) {
      return `${key} has version ${kv!.version} at ${revision}, not ${wantedVersion}`;
    }
    const wantedCreation = before?.createRevision ?? revision;
    if (kv!.create_revision !== wantedCreation) {
      return `${key} has create revision ${kv!.create_revision} at ${revision}, not ${wantedCreation}`;
    }
    return undefined;
  }

  /** The version of a key at a revision; undefined when there was none or it was deleted. */
  at(key: string, revision: number): KeyVersion | undefined {
    const versions = this.#versions.get(key) ?? [];
    let from = 0;
    let to = versions.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (versions[middle]!.revision <= revision) from = middle + 1;
      else to = middle;
    }
    const found = versions[from - 1];
    return found?.value === undefined ? undefined : found;
  }

  /** Where a value was written. */
  revisionOf(value: string): number | undefined {
    return this.#revisionOfValue.get(value);
  }

  versionsOf(key: string): readonly KeyVersion[] {
    return this.#versions.get(key) ?? [];
  }

  keys(): readonly string[] {
    return [...this.#versions.keys()];
  }

  /** What one revision changed, for reports. */
  digest(revision: number): string | undefined {
    return this.#revisions[revision];
  }

  /** Compares the whole store at a revision; the first difference, if any. */
  compareState(kvs: readonly KeyValue[], revision: number): string | undefined {
    const found = new Map(kvs.map((kv) => [keyOf(kv), kv]));
    if (found.size !== kvs.length) return "a key is there twice";
    for (const key of this.#versions.keys()) {
      const problem = this.#difference(key, found.get(key), revision);
      if (problem !== undefined) return problem;
      found.delete(key);
    }
    const surplus = [...found.keys()][0];
    return surplus === undefined ? undefined : `${surplus} is there, and no watcher has seen it`;
  }

  /** Compares what a read of one key at a revision has found; the difference, if there is one. */
  compareKey(key: string, kvs: readonly KeyValue[], revision: number): string | undefined {
    if (kvs.some((kv) => keyOf(kv) !== key)) return `another key was read instead of ${key}`;
    return kvs.length > 1 ? `${key} is there twice` : this.#difference(key, kvs[0], revision);
  }

  #difference(key: string, kv: KeyValue | undefined, revision: number): string | undefined {
    const wanted = this.at(key, revision);
    const there = kv === undefined ? "nothing" : describeKv(kv);
    const expected = wanted === undefined ? "nothing" : describeVersion(wanted);
    return there === expected ? undefined : `${key} is ${there}, and should be ${expected}`;
  }
}

export function keyOf(kv: KeyValue): string {
  return kv.key.toString("latin1");
}

/** A value as the history names it. */
export function shortValue(kv: KeyValue): string {
  if (kv.value.length <= LARGEST_KEPT_VALUE) return kv.value.toString("latin1");
  return `sha1:${createHash("sha1").update(kv.value).digest("hex")}`;
}

function digestOf(events: readonly Event[]): string {
  return events
    .map(({ type, kv }) =>
      type === EventType.DELETE
        ? `delete ${keyOf(kv!)}`
        : `put ${keyOf(kv!)}=${shortValue(kv!)} ${kv!.create_revision} ${kv!.version} ${kv!.lease}`,
    )
    .join(", ");
}

function describeKv(kv: KeyValue): string {
  return `${shortValue(kv)} ${kv.mod_revision} ${kv.create_revision} ${kv.version} ${kv.lease}`;
}

function describeVersion({ value, revision, createRevision, version, lease }: KeyVersion): string {
  return `${value} ${revision} ${createRevision} ${version} ${lease}`;
}
