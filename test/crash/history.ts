/**
 * What must hold of a store that crashes, checked against what its clients were told. The history is read with a
 * watch from the beginning; everything else is compared with it.
 */
import assert from "node:assert/strict";
import { type Event, EventType, type KeyValue } from "@quorate/testkit/messages";

export interface Acknowledged {
  readonly revision: number;
  readonly key: string;
  /** undefined: a delete. */
  readonly value: string | undefined;
}

interface Version {
  readonly revision: number;
  /** undefined: deleted. */
  readonly kv: KeyValue | undefined;
}

export class History {
  /** Values are unique; the revision at which each appeared. */
  readonly #revisionOfValue = new Map<string, number>();
  readonly #versions = new Map<string, Version[]>();
  readonly #digests: string[] = [];
  readonly #lastSequence = new Map<string, number>();
  readonly #deletes = new Set<string>();
  /** Acknowledged and not yet found in the history. */
  #waiting: Acknowledged[] = [];
  /** The last revision whose events are all known. */
  revision = 1;
  acknowledgedRevision = 1;
  acknowledgedCount = 0;

  acknowledge(write: Acknowledged): void {
    this.#waiting.push(write);
    this.acknowledgedCount += 1;
    this.acknowledgedRevision = Math.max(this.acknowledgedRevision, write.revision);
  }

  /** All events of one or more whole revisions, in order. Throws when the history cannot be right. */
  add(events: readonly Event[]): void {
    for (const event of events) {
      const kv = event.kv!;
      const key = kv.key.toString("latin1");
      const revision = kv.mod_revision;
      assert.ok(
        revision === this.revision || revision === this.revision + 1,
        `revision ${revision} after ${this.revision}: a revision is missing or came twice`,
      );
      this.revision = revision;
      const versions = this.#versions.get(key) ?? [];
      this.#versions.set(key, versions);
      const previous = versions.at(-1)?.kv;
      this.#digests.push(digest(event));
      if (event.type === EventType.DELETE) {
        assert.ok(previous !== undefined, `${key} was deleted at ${revision} without being there`);
        this.#deletes.add(`${revision} ${key}`);
        versions.push({ revision, kv: undefined });
        continue;
      }
      const value = kv.value.toString("latin1");
      assert.equal(this.#revisionOfValue.get(value), undefined, `${value} was written twice`);
      this.#revisionOfValue.set(value, revision);
      assert.equal(kv.version, (previous?.version ?? 0) + 1, `version of ${key} at ${revision}`);
      assert.equal(
        kv.create_revision,
        previous?.create_revision ?? revision,
        `create revision of ${key} at ${revision}`,
      );
      const [writer, sequence] = value.split(":");
      assert.ok(
        Number(sequence) >= (this.#lastSequence.get(writer!) ?? 0),
        `${writer}: ${sequence} came late`,
      );
      this.#lastSequence.set(writer!, Number(sequence));
      versions.push({ revision, kv });
    }
  }

  /** Everything acknowledged up to the known revision must be in the history, at the revision that was told. */
  checkAcknowledged(): void {
    const later: Acknowledged[] = [];
    for (const write of this.#waiting) {
      if (write.revision > this.revision) {
        later.push(write);
      } else if (write.value === undefined) {
        assert.ok(
          this.#deletes.has(`${write.revision} ${write.key}`),
          `the delete of ${write.key} at ${write.revision} is lost`,
        );
      } else {
        assert.equal(
          this.#revisionOfValue.get(write.value),
          write.revision,
          `${write.value} was acknowledged`,
        );
      }
    }
    this.#waiting = later;
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** The record of a key at a revision. */
  at(key: string, revision: number): KeyValue | undefined {
    return this.#versions.get(key)?.findLast((version) => version.revision <= revision)?.kv;
  }

  keys(): string[] {
    return [...this.#versions.keys()].sort();
  }

  /** Compares the whole store at a revision. */
  checkState(kvs: readonly KeyValue[], revision: number): void {
    const expected = this.keys()
      .map((key) => this.at(key, revision))
      .filter((kv) => kv !== undefined)
      .sort((a, b) => Buffer.compare(a.key, b.key));
    assert.deepStrictEqual(kvs.map(describe), expected.map(describe), `the store at revision ${revision}`);
  }

  /** A watcher that resumed over crashes must have seen exactly this. */
  checkWatcher(digests: readonly string[], name: string): void {
    const expected = this.#digests.slice(0, digests.length);
    assert.deepStrictEqual(digests, expected, `${name} saw something else`);
    assert.equal(digests.length, this.#digests.length, `${name} missed the end`);
  }
}

export function digest(event: Event): string {
  const kv = event.kv!;
  return `${kv.mod_revision} ${event.type} ${kv.key.toString("latin1")} ${kv.value.toString("latin1")}`;
}

function describe(kv: KeyValue): string {
  return `${kv.key.toString("latin1")}=${kv.value.toString("latin1")} ${kv.create_revision} ${kv.mod_revision} ${kv.version} ${kv.lease}`;
}
