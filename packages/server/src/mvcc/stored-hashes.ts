import type { Revision } from "@quorate/storage/seams/backend";

/** Hashes kept at once. */
const LIMIT = 10;

export interface KvHash {
  readonly hash: number;
  /** The compacted revision that the hash takes into account; -1 if none. */
  readonly compactRevision: Revision;
  /** The revision up to which records are hashed. */
  readonly hashRevision: Revision;
}

/** Hashes that compactions computed on their way, those of the highest revisions. Lost at a restart. */
export class StoredHashes {
  #hashes: KvHash[] = [];

  get(revision: Revision): KvHash | undefined {
    return this.#hashes.find((each) => each.hashRevision === revision);
  }

  add(hash: KvHash): void {
    this.#hashes = this.#hashes.filter((each) => each.hashRevision !== hash.hashRevision);
    this.#hashes.push(hash);
    this.#hashes.sort((a, b) => a.hashRevision - b.hashRevision);
    if (this.#hashes.length > LIMIT) this.#hashes.shift();
  }

  /** Newest first. */
  list(): KvHash[] {
    return this.#hashes.toReversed();
  }
}
