import { confChangeOf } from "../../confchange/codec.ts";
import { type Config, resolveConfig } from "../../config.ts";
import type { MemoryStorage } from "../../log/memory-storage.ts";
import type { Storage } from "../../log/storage.ts";
import { RawNode } from "../../raw-node.ts";
import {
  type ConfState,
  type Entry,
  EntryType,
  type HardState,
  isEmptyHardState,
  isEmptySnapshot,
  type Message,
  NO_DATA,
  type NodeId,
  type Snapshot,
} from "../../types.ts";

/** An expected failure of a command: its text is the command's output. */
export class CommandError extends Error {}

/** One member of an interaction file, with its storage, its storage threads' work and all its snapshots. */
export class EnvNode {
  readonly id: NodeId;
  readonly config: Config;
  rawNode: RawNode;
  readonly storage: MemoryStorage;
  /** The state after each applied entry. The application is a string that every entry's data is appended to. */
  readonly history: Snapshot[];
  readonly appendWork: Message[] = [];
  readonly applyWork: Message[] = [];

  constructor(config: Omit<Config, "storage">, storage: MemoryStorage, snapshot: Snapshot) {
    this.id = config.id;
    this.storage = storage;
    this.history = [snapshot];
    // Whoever asks for a snapshot gets the newest state, whatever the log was compacted to.
    const view: Storage = {
      initialState: () => storage.initialState(),
      entries: (lo, hi, maxSize) => storage.entries(lo, hi, maxSize),
      term: (index) => storage.term(index),
      lastIndex: () => storage.lastIndex(),
      firstIndex: () => storage.firstIndex(),
      snapshot: () => this.newestSnapshot(),
    };
    this.config = resolveConfig({ ...config, storage: view });
    this.rawNode = new RawNode(this.config);
  }

  /** Starts anew from storage. The application starts from its first snapshot, and gets all entries once more. */
  restart(): void {
    this.appendWork.length = 0;
    this.applyWork.length = 0;
    this.history.length = 1;
    this.rawNode = new RawNode(this.config);
  }

  newestSnapshot(): Snapshot {
    return this.history.at(-1)!;
  }

  /** Makes what a Ready or an append message holds durable. */
  save(state: HardState | undefined, entries: readonly Entry[], snapshot: Snapshot | undefined): void {
    if (state !== undefined && !isEmptyHardState(state)) this.storage.setHardState(state);
    if (snapshot !== undefined && !isEmptySnapshot(snapshot)) {
      if (entries.length > 0) throw new CommandError("can't apply snapshot and entries at the same time");
      this.storage.applySnapshot(snapshot);
      return;
    }
    this.storage.append(entries);
  }

  apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const last = this.newestSnapshot();
      let update = entry.data;
      let confState: ConfState = last.metadata.confState;
      if (entry.type !== EntryType.EntryNormal) {
        const change = confChangeOf(entry);
        confState = this.rawNode.applyConfChange(change);
        update = change.context ?? NO_DATA;
      }
      const data = new Uint8Array(last.data.length + update.length);
      data.set(last.data);
      data.set(update, last.data.length);
      this.history.push({ data, metadata: { confState, index: entry.index, term: entry.term } });
    }
  }
}
