/**
 * What must hold of a store that crashes: the history that its watchers were told, and what its writers were promised,
 * which is compared with it.
 */
import assert from "node:assert/strict";
import { EventHistory } from "@quorate/testkit/history";
import type { KeyValue } from "@quorate/testkit/messages";

export interface Acknowledged {
  readonly revision: number;
  readonly key: string;
  /** undefined: a delete. */
  readonly value: string | undefined;
}

export class History {
  /** Any watcher that is told of a revision first adds it; all others must be told the same. */
  readonly events = new EventHistory();
  /** Acknowledged and not yet found in the history. */
  #waiting: Acknowledged[] = [];
  acknowledgedRevision = 1;
  acknowledgedCount = 0;

  acknowledge(write: Acknowledged): void {
    this.#waiting.push(write);
    this.acknowledgedCount += 1;
    this.acknowledgedRevision = Math.max(this.acknowledgedRevision, write.revision);
  }

  /** The last revision whose events are all known. */
  get revision(): number {
    return this.events.lastRevision;
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** Everything acknowledged up to the known revision must be in the history, at the revision that was told. */
  checkAcknowledged(): void {
    const later: Acknowledged[] = [];
    for (const write of this.#waiting) {
      const { revision, key, value } = write;
      if (revision > this.revision) {
        later.push(write);
      } else if (value === undefined) {
        const isThere = this.events
          .versionsOf(key)
          .some((version) => version.revision === revision && version.value === undefined);
        assert.ok(isThere, `the delete of ${key} at ${revision} is lost`);
      } else {
        assert.equal(this.events.revisionOf(value), revision, `${value} was acknowledged`);
      }
    }
    this.#waiting = later;
  }

  /** Values are "writer:sequence" and more: what a writer wrote later must not come earlier. */
  checkSequences(): void {
    const versions = this.events.keys().flatMap((key) => this.events.versionsOf(key));
    const lastSequence = new Map<string, number>();
    for (const { value } of versions.toSorted((a, b) => a.revision - b.revision)) {
      if (value === undefined) continue;
      const [writer, sequence] = value.split(":");
      assert.ok(Number(sequence) >= (lastSequence.get(writer!) ?? 0), `${writer}: ${sequence} came late`);
      lastSequence.set(writer!, Number(sequence));
    }
  }

  /** Compares the whole store at a revision. */
  checkState(kvs: readonly KeyValue[], revision: number): void {
    assert.equal(this.events.compareState(kvs, revision), undefined, `the store at revision ${revision}`);
    const keys = kvs.map(({ key }) => key);
    assert.deepEqual(keys, keys.toSorted(Buffer.compare), `the order of keys at revision ${revision}`);
  }
}
