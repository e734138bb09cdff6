import { strict as assert } from "node:assert";
import { SeededRandom } from "@quorate/testkit/random";
import type { Backend } from "../seams/backend.ts";
import { MemoryState } from "./memory-state.ts";

/** Where the effects of an entry go: a backend, or the model. */
export type Effects = Pick<Backend, "putRevision" | "deleteRevision" | "put" | "delete">;

const firstIsTombstone = (index: number): boolean => new SeededRandom(index).below(5) === 0;

/** What entry `index` does is a function of the index, so a reader can tell what any prefix of them must leave. */
export function applyEntry(index: number, effects: Effects): void {
  const random = new SeededRandom(index);
  const main = index + 1;
  const tombstone = random.below(5) === 0;
  const changes = 1 + random.below(3);
  for (let sub = 0; sub < changes; sub++) {
    const length = random.below(50) === 0 ? 2000 + random.below(9000) : random.below(600);
    effects.putRevision(main, sub, sub === 0 && tombstone, new Uint8Array(length).fill(random.below(256)));
  }
  for (let i = random.below(4); i > 0; i--) {
    const old = index - random.below(300);
    if (old >= 1) effects.deleteRevision(old + 1, 0, firstIsTombstone(old));
  }
  const key = Uint8Array.of(random.below(40), 1);
  if (random.below(3) === 0) effects.delete("lease", key);
  else effects.put("lease", key, Uint8Array.of(index & 255, index >>> 8));
}

/** Applies entries to a state that is too simple to be wrong. */
export class EntryModel {
  readonly state = new MemoryState();
  index = 0;

  advance(index: number): void {
    const { state } = this;
    for (; this.index < index; this.index++) {
      applyEntry(this.index + 1, {
        putRevision: (main, sub, tombstone, record) =>
          state.apply({ kind: "putRevision", main, sub, tombstone, record }),
        deleteRevision: (main, sub, tombstone) =>
          state.apply({ kind: "deleteRevision", main, sub, tombstone }),
        put: (table, key, value) => state.apply({ kind: "set", table, key, value }),
        delete: (table, key) => state.apply({ kind: "set", table, key, value: undefined }),
      });
    }
  }

  /** Fails unless the backend holds exactly what the entries up to `index` left. */
  check(backend: Backend): void {
    const { state } = this;
    let at = 0;
    for (const { main, sub, tombstone, record } of backend.scanRevisions(0, Number.MAX_SAFE_INTEGER)) {
      const same =
        main === state.mains[at] &&
        sub === state.subs[at] &&
        tombstone === state.tombstones[at] &&
        Buffer.compare(record, state.records[at]!) === 0;
      if (!same) assert.fail(`record (${main}, ${sub}) in place of (${state.mains[at]}, ${state.subs[at]})`);
      at++;
    }
    assert.equal(at, state.mains.length, "number of records");
    const entries = [...(state.tables.get("lease")?.values() ?? [])].sort(([a], [b]) => Buffer.compare(a, b));
    const found = backend.entries("lease").map(([key, value]) => [[...key], [...value]]);
    assert.deepEqual(
      found,
      entries.map(([key, value]) => [[...key], [...value]]),
    );
  }
}
