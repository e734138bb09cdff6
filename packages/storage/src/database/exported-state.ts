import type { File, Snapshot } from "@quorate/bbolt";
import type { LogIndex, Term } from "@quorate/raft";
import { INDEX_KEY, readUint64, TERM_KEY } from "../backend/uint64.ts";
import type { DatabaseExport } from "../seams/backend.ts";
import type { Disk } from "../seams/disk.ts";

const CHUNK_BYTES = 128 << 10;

/** Where a copy would begin. */
export interface CopyPlace {
  readonly disk: Disk;
  readonly path: string;
}

/** A state that stays readable until it is released. */
export interface HeldSnapshot {
  readonly snapshot: Snapshot;
  /** Idempotent. */
  release(): void;
}

/**
 * One state of the database, read straight from its pages, which are kept for as long. When that keeps too much, all of it is
 * copied, as fast as the disk can, into a file without a name, and whoever reads goes on there.
 */
export class ExportedState implements DatabaseExport {
  readonly consistentIndex: LogIndex;
  readonly consistentTerm: Term;
  readonly sizeBytes: number;
  readonly #held: HeldSnapshot;
  readonly #copyPlace: CopyPlace;
  readonly #onEnd: () => void;
  readonly #stop: AbortSignal;
  #copying: Promise<void> | undefined;
  /** Whole. */
  #copy: File | undefined;
  #failure: Error | undefined;
  #released: Promise<void> | undefined;

  /** `stop`: nobody may read any more, not so yet. `onEnd` is called when nothing is kept. */
  constructor(held: HeldSnapshot, copyPlace: CopyPlace, stop: AbortSignal, onEnd: () => void) {
    this.#held = held;
    this.#copyPlace = copyPlace;
    this.#stop = stop;
    this.#onEnd = onEnd;
    const { snapshot } = held;
    this.sizeBytes = snapshot.sizeBytes;
    const meta = snapshot.tx.bucket("meta");
    this.consistentIndex = readUint64(meta?.get(INDEX_KEY));
    this.consistentTerm = readUint64(meta?.get(TERM_KEY));
    stop.addEventListener("abort", this.#stopped);
  }

  async *read(): AsyncGenerator<Uint8Array, void, undefined> {
    const pages = this.#held.snapshot.read(CHUNK_BYTES);
    try {
      for (let position = 0; position < this.sizeBytes; ) {
        const chunk = await this.#chunk(pages, position);
        position += chunk.length;
        yield chunk;
      }
    } finally {
      await pages.return();
    }
  }

  /** From now on a copy is made; the pages are given back when it is there. Those who read fail if it cannot be made. */
  copyRest(): void {
    this.#copying ??= this.#makeCopy().catch((error: unknown) => {
      this.#failure ??= error instanceof Error ? error : new Error(String(error));
      this.#letGo();
    });
  }

  release(): Promise<void> {
    this.#released ??= this.#release();
    return this.#released;
  }

  async #chunk(pages: AsyncGenerator<Uint8Array, void>, position: number): Promise<Uint8Array> {
    this.#assertReadable();
    if (this.#copy === undefined) {
      try {
        const step = await pages.next();
        if (step.done === true) throw new Error("the database ends before its last page");
        this.#assertReadable();
        return step.value;
      } catch (error) {
        // The pages may have been given back meanwhile, because there is a copy.
        this.#assertReadable();
        if (this.#copy === undefined) throw error;
      }
    }
    const chunk = new Uint8Array(Math.min(CHUNK_BYTES, this.sizeBytes - position));
    if ((await this.#copy!.read(chunk, position)) < chunk.length)
      throw new Error("the copy of the database is shorter than it was written");
    return chunk;
  }

  async #makeCopy(): Promise<void> {
    const { disk, path } = this.#copyPlace;
    const copy = await disk.openDatabase(path, "create");
    try {
      await disk.remove(path);
      let position = 0;
      for await (const chunk of this.#held.snapshot.read(CHUNK_BYTES)) {
        if (this.#failure !== undefined) throw this.#failure;
        await copy.write([chunk], position);
        position += chunk.length;
      }
      this.#assertReadable();
    } catch (error) {
      await copy.close();
      throw error;
    }
    this.#copy = copy;
    this.#letGo();
  }

  #assertReadable(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  readonly #stopped = (): void => {
    this.#failure ??= new Error("the backend is closed");
    this.#letGo();
  };

  /** Nothing is read from the pages any more. */
  #letGo(): void {
    this.#stop.removeEventListener("abort", this.#stopped);
    this.#held.release();
    this.#onEnd();
  }

  async #release(): Promise<void> {
    this.#failure ??= new Error("the export was released");
    this.#letGo();
    await this.#copying;
    const copy = this.#copy;
    this.#copy = undefined;
    await copy?.close();
  }
}
