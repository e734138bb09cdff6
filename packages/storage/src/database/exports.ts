import type { DatabaseExport } from "../seams/backend.ts";
import type { BboltFile } from "./bbolt-file.ts";
import type { Commits } from "./commits.ts";
import { ExportedState } from "./exported-state.ts";
import type { FileInUse } from "./file-in-use.ts";

const DEFAULT_KEPT_BYTES = 64 << 20;

/** Who reads states of the database, of the file in use and of those before. */
export class Exports {
  readonly #inUse: FileInUse;
  readonly #commits: Commits;
  readonly #mostKeptBytes: number;
  readonly #states = new Set<ExportedState>();
  readonly #stop = new AbortController();

  /** `mostKeptBytes`: what of the file may be kept only because exports read it; unless given, 64 MiB. */
  constructor(inUse: FileInUse, commits: Commits, mostKeptBytes = DEFAULT_KEPT_BYTES) {
    this.#inUse = inUse;
    this.#commits = commits;
    this.#mostKeptBytes = mostKeptBytes;
  }

  /** A state with everything that was written before. Rejects when `signal` says that nobody wants it any more. */
  async begin(signal: AbortSignal | undefined): Promise<DatabaseExport> {
    signal?.throwIfAborted();
    const held = await this.#holdCommitted();
    if (signal?.aborted === true || this.#stop.signal.aborted) {
      held.release();
      signal?.throwIfAborted();
      throw closed();
    }
    const place = { disk: this.#inUse.disk, path: this.#inUse.temporaryPath() };
    const state = new ExportedState(held, place, this.#stop.signal, () => this.#states.delete(state));
    this.#states.add(state);
    return state;
  }

  /** Whoever reads slowly reads a copy, and no more pages are kept for him. */
  bound(): void {
    if (this.#states.size === 0) return;
    if (this.#inUse.file.database.pendingBytes <= this.#mostKeptBytes) return;
    for (const state of this.#states) state.copyRest();
  }

  /** From now on nobody reads. */
  stop(): void {
    this.#stop.abort();
  }

  /** Holds the file's content as soon as it has everything that was written before, and commits that. */
  #holdCommitted(): Promise<ReturnType<BboltFile["hold"]>> {
    return new Promise((resolve, reject) => {
      if (this.#stop.signal.aborted) throw closed();
      const { failure } = this.#commits;
      if (failure !== undefined) throw failure;
      const done = () => {
        try {
          resolve(this.#inUse.file.hold());
        } catch (error) {
          reject(error);
        }
      };
      this.#commits.whenAllCommitted(done, reject);
    });
  }
}

const closed = () => new Error("the backend is closed");
