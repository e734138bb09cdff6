import { MemoryStorage } from "../../log/memory-storage.ts";
import { type Entry, type HardState, isEmptyHardState, isEmptySnapshot, type Snapshot } from "../../types.ts";
import type { SeededRandom } from "../seeded-random.ts";

interface Write {
  readonly state: HardState | undefined;
  readonly entries: readonly Entry[];
  readonly snapshot: Snapshot | undefined;
}

/**
 * A disk with a write cache: what is written can be read at once, but only what is synced survives a crash for
 * certain. Of the rest a prefix of the writes does.
 */
export class SimDisk {
  /** What the member reads. */
  live = new MemoryStorage();
  /** What a crash leaves in any case. */
  #durable = new MemoryStorage();
  #unsynced: Write[] = [];

  write(state: HardState | undefined, entries: readonly Entry[], snapshot: Snapshot | undefined): void {
    const write = { state, entries, snapshot };
    apply(this.live, write);
    this.#unsynced.push(write);
  }

  sync(): void {
    for (const write of this.#unsynced) apply(this.#durable, write);
    this.#unsynced = [];
  }

  /** The member stops. Afterwards `live` is what its next life finds. */
  crash(random: SeededRandom): void {
    this.#unsynced.length = random.below(this.#unsynced.length + 1);
    this.sync();
    this.live = copyOf(this.#durable);
  }

  /** Keeps `snapshot`, made here, and forgets entries up to `compactIndex`, which is not above it. */
  keepSnapshot(snapshot: Snapshot, compactIndex: number): void {
    this.sync();
    for (const storage of [this.live, this.#durable]) {
      const { index, confState } = snapshot.metadata;
      if (index > storage.snapshot().metadata.index) storage.createSnapshot(index, confState, snapshot.data);
      if (compactIndex >= storage.firstIndex()) storage.compact(compactIndex);
    }
  }

  /** True when entry `index` of `term`, or a snapshot that covers it, survives any crash. */
  holdsDurably(index: number, term: number): boolean {
    const durable = this.#durable;
    if (index < durable.firstIndex()) return true;
    return index <= durable.lastIndex() && durable.term(index) === term;
  }
}

function apply(storage: MemoryStorage, { state, entries, snapshot }: Write): void {
  if (snapshot !== undefined && !isEmptySnapshot(snapshot)) storage.applySnapshot(snapshot);
  storage.append(entries);
  if (state !== undefined && !isEmptyHardState(state)) storage.setHardState(state);
}

function copyOf(original: MemoryStorage): MemoryStorage {
  const copy = new MemoryStorage();
  const snapshot = original.snapshot();
  const first = original.firstIndex();
  const last = original.lastIndex();
  const dummyTerm = original.term(first - 1);
  // The log may reach further back than the snapshot; a copy starts where it starts.
  if (first > 1) {
    copy.applySnapshot({
      data: snapshot.data,
      metadata: { ...snapshot.metadata, index: first - 1, term: dummyTerm },
    });
  }
  if (last >= first) copy.append(original.entries(first, last + 1, Number.POSITIVE_INFINITY));
  if (snapshot.metadata.index > first - 1) {
    copy.createSnapshot(snapshot.metadata.index, snapshot.metadata.confState, snapshot.data);
  }
  copy.setHardState(original.initialState().hardState);
  return copy;
}
