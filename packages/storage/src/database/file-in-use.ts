import { type Disk, directoryOf } from "../seams/disk.ts";
import type { BboltFile } from "./bbolt-file.ts";
import { temporaryPrefix } from "./database-names.ts";

/** The file that a backend reads and writes now, and those before it that somebody still reads. */
export class FileInUse {
  readonly path: string;
  readonly disk: Disk;
  /** Another one whenever a batch becomes part of the file, or another file takes over. */
  stateNumber = 0;
  #file: BboltFile;
  #temporaryFiles = 0;
  readonly #retired = new Set<Promise<void>>();

  constructor(file: BboltFile, path: string, disk: Disk) {
    this.#file = file;
    this.path = path;
    this.disk = disk;
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
    return `${directoryOf(this.path)}/${temporaryPrefix(this.path)}${this.#temporaryFiles++}`;
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
