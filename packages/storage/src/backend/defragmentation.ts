import { rmSync } from "node:fs";
import { failpoints } from "../failpoints/index.ts";
import type { Clock } from "../seams/clock.ts";
import { nextTurn } from "../seams/waiting.ts";
import { ChunkPool } from "./arena.ts";
import { Committer } from "./committer.ts";
import type { DeletedRevisions } from "./deleted-revisions.ts";
import { LmdbFile } from "./lmdb-file.ts";
import { LmdbScan, type ScanSource } from "./lmdb-scan.ts";
import { TREE_NAMES } from "./tree-names.ts";
import { WriteBatch } from "./write-batch.ts";

/** Records copied before the loop gets its turn: about a millisecond. */
const SLICE = 2_000;
/** Bytes after which a slice ends early, for large records. */
const SLICE_BYTES = 1 << 20;
const BATCH_WRITES = 10_000;
const BATCH_BYTES = 4 << 20;

/**
 * Copies the committed content of one database file into a new one, in order and so without holes, a slice at a time
 * while commits to the old one go on. Revisions only come at the end, where the copy gets to in any case; what is
 * deleted behind its back is told to it at the end.
 */
export class Defragmentation {
  readonly target: LmdbFile;
  readonly #clock: Clock;
  readonly #scan: LmdbScan;
  readonly #source: LmdbFile;
  readonly #committer: Committer;
  readonly #pool = new ChunkPool();
  #filling: WriteBatch;
  #spare: WriteBatch | undefined;
  #writing: Promise<void> = Promise.resolve();

  /** `stateNumber` as in `ScanSource`; `source` is not closed while the copy goes on. */
  static async begin(
    source: LmdbFile,
    path: string,
    clock: Clock,
    stateNumber: () => number,
  ): Promise<Defragmentation> {
    await failpoints?.hit("defragBeforeCopy");
    await failIfAsked("defragOpenFileError");
    return new Defragmentation(source, await LmdbFile.open(path), clock, stateNumber);
  }

  private constructor(source: LmdbFile, target: LmdbFile, clock: Clock, stateNumber: () => number) {
    this.target = target;
    this.#clock = clock;
    this.#committer = new Committer(clock);
    this.#source = source;
    const scanSource: ScanSource = {
      reader: source.reader,
      batches: [],
      get stateNumber() {
        return stateNumber();
      },
    };
    this.#scan = new LmdbScan(scanSource, 0, Number.MAX_SAFE_INTEGER);
    this.#filling = new WriteBatch(this.#pool, true);
  }

  /**
   * Copies revisions until few are left, while more of them are committed. A pass leaves what came meanwhile to the
   * next one; when that is not getting less, copying is no faster than writing, and more passes would not help.
   */
  async copyMostRevisions(abandoned: () => boolean): Promise<void> {
    let copied = Number.POSITIVE_INFINITY;
    let before: number;
    do {
      before = copied;
      copied = await this.copyRevisions(abandoned);
    } while (copied > SLICE && copied < before / 2);
  }

  /** Copies all revisions that are committed when it is called and were not copied yet; returns how many, or more. */
  async copyRevisions(abandoned: () => boolean): Promise<number> {
    const last = this.#source.reader.lastRevision();
    if (last === undefined) return 0;
    let copied = 0;
    for (;;) {
      if (abandoned()) throw new Error("defragmentation abandoned: the backend closes");
      let bytes = 0;
      let visited = 0;
      while (visited < SLICE && bytes < SLICE_BYTES) {
        let reachedLast = false;
        const goesOn = this.#scan.visitSome(100, (main, sub, tombstone, content, start, end) => {
          bytes += end - start;
          visited += 1;
          this.#filling.putRevision(main, sub, tombstone, content.subarray(start, end));
          reachedLast = main > last.main || (main === last.main && sub >= last.sub);
        });
        if (reachedLast || !goesOn) return copied + visited;
      }
      copied += visited;
      if (this.#filling.writes >= BATCH_WRITES || this.#filling.bytes >= BATCH_BYTES) await this.#write();
      await nextTurn(this.#clock);
    }
  }

  /** With no commit under way: the other tables, and what was deleted since the copy began. Makes all of it durable. */
  async finish(deleted: DeletedRevisions): Promise<void> {
    for (let i = 0; i < deleted.count; i++) {
      this.#filling.deleteRevision(deleted.mainAt(i), deleted.subAt(i), deleted.isTombstone(i));
      if (i % SLICE !== SLICE - 1) continue;
      if (this.#filling.writes >= BATCH_WRITES) await this.#write();
      await nextTurn(this.#clock);
    }
    for (const table of TREE_NAMES) {
      if (table === "key") continue;
      let from: Uint8Array | undefined = new Uint8Array(0);
      while (from !== undefined) {
        from = this.#source.reader.visitEntries(table, from, SLICE / 4, (key, value) => {
          this.#filling.setEntry(table, key, value);
        });
        if (this.#filling.writes >= BATCH_WRITES) await this.#write();
        await nextTurn(this.#clock);
      }
    }
    await this.#write();
    await this.#writing;
    await failIfAsked("defragdbFail");
    this.target.reader.renew();
    for (const table of TREE_NAMES) {
      const copied = this.target.reader.state.trees.get(table)?.entries;
      if (copied !== this.#source.reader.state.trees.get(table)?.entries) {
        throw new Error(`defragmentation failed: the copy of table ${table} has ${copied} entries`);
      }
    }
    await failpoints?.hit("defragBeforeRename");
  }

  /** Gives the copy up. */
  async abandon(): Promise<void> {
    await this.#writing.catch(() => {});
    await this.target.close();
  }

  /** Waits for the transaction before, and begins the next with what is filled in. */
  async #write(): Promise<void> {
    await this.#writing;
    const batch = this.#filling;
    if (batch.writes === 0) return;
    this.#filling = this.#spare ?? new WriteBatch(this.#pool, true);
    this.#spare = undefined;
    this.#writing = new Promise((resolve, reject) => {
      this.#committer.commit(this.target.environment, batch, (error) => {
        if (error !== undefined) {
          reject(error);
          return;
        }
        batch.clear();
        this.#spare = batch;
        resolve();
      });
    });
    // Whoever writes next hears of it.
    this.#writing.catch(() => {});
  }
}

async function failIfAsked(name: "defragOpenFileError" | "defragdbFail"): Promise<void> {
  const text = await failpoints?.hit(name);
  if (text !== undefined) throw new Error(`${text}`);
}

/** Removes an unfinished copy. */
export function removeCopy(path: string): void {
  for (const name of [path, `${path}-lock`]) rmSync(name, { force: true, recursive: true });
}
