import path from "node:path";
import type { BboltFile } from "./bbolt-file.ts";
import { temporaryPrefix } from "./database-names.ts";

/** The file that a backend reads and writes now, and those before it that somebody still reads. */
export class FileInUse {
  readonly path: string;
  /** Another one whenever a batch becomes part of the file, or another file takes over. */
  stateNumber = 0;
  #file: BboltFile;
  #temporaryFiles = 0;
  readonly #retired = new Set<Promise<void>>();

  constructor(file: BboltFile, path: string) {
    this.#file = file;
    this.path = path;
  }

  get file(): BboltFile {
    return this.#file;
  }

  changed(): void {
    this.stateNumber++;
  }

  /**
   * From now on `file`, which has been given this one's name, is read and written. The one before is closed when nothing reads
   * it any more; `onFailure` is told if that fails.
   */
  replaceBy(file: BboltFile, onFailure: (error: Error) => void): void {
    const old = this.#file;
    this.#file = file;
    file.database.path = this.path;
    this.changed();
    const closed = old
      .close()
      .catch((error: unknown) => onFailure(error instanceof Error ? error : new Error(String(error))))
      .finally(() => this.#retired.delete(closed));
    this.#retired.add(closed);
  }

  /** A name beside the file for an unfinished copy. */
  temporaryPath(): string {
    const name = `${temporaryPrefix(this.path)}${process.pid}.${this.#temporaryFiles++}`;
    return path.join(path.dirname(this.path), name);
  }

  /** Resolves when the files before this one are closed. */
  async retired(): Promise<void> {
    await Promise.all(this.#retired);
  }

  /** `isSound`: the list of free pages is stored in the file. */
  async close(isSound: boolean): Promise<void> {
    await Promise.all([this.#file.close({ storeFreelist: isSound }), ...this.#retired]);
  }
}
