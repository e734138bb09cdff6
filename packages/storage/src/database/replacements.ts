import type { BboltFile, BboltFileOptions } from "./bbolt-file.ts";
import type { Commits } from "./commits.ts";
import { DatabaseDisk } from "./database-disk.ts";
import { removeDatabase, replaceDatabase } from "./database-names.ts";
import { Defragmentation } from "./defragmentation.ts";
import type { FileInUse } from "./file-in-use.ts";

type ReplacementOptions = Pick<BboltFileOptions, "clock" | "map">;

/** How another file takes the place of the one in use while reads and writes go on: a copy without holes, or another database. */
export class Replacements {
  readonly #inUse: FileInUse;
  readonly #commits: Commits;
  readonly #options: ReplacementOptions;
  #defragmenting: Promise<void> | undefined;
  #becoming: Promise<void> | undefined;
  #isEnding = false;

  constructor(inUse: FileInUse, commits: Commits, options: ReplacementOptions) {
    this.#inUse = inUse;
    this.#commits = commits;
    this.#options = options;
  }

  /** The file is being replaced by another database. */
  get isBecoming(): boolean {
    return this.#becoming !== undefined;
  }

  /** Another file is about to take the place of the one in use. */
  get isUnderWay(): boolean {
    return this.#becoming !== undefined || this.#defragmenting !== undefined;
  }

  /** A copy without holes takes over; whoever asks meanwhile is told of the same one. Another database comes before it. */
  defragment(): Promise<void> {
    this.#defragmenting ??= Promise.resolve(this.#becoming?.catch(() => {}))
      .then(() => this.#defragment())
      .finally(() => {
        this.#defragmenting = undefined;
      });
    return this.#defragmenting;
  }

  /**
   * The file at `path` takes over, in the same directory, which `surrender` gives away; `takeOver` is called in the turn in which it
   * does, and makes all else fit. Not while another one is on its way.
   */
  become(path: string, surrender: () => Promise<BboltFile>, takeOver: () => void): Promise<void> {
    this.#becoming = this.#become(path, surrender, takeOver).finally(() => {
      this.#becoming = undefined;
    });
    return this.#becoming;
  }

  /** A defragmentation gives up, and both are waited for. */
  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#becoming?.catch(() => {});
    await this.#defragmenting?.catch(() => {});
  }

  async #defragment(): Promise<void> {
    const copyPath = this.#inUse.temporaryPath();
    const disk = new DatabaseDisk(this.#inUse.disk, { syncsLater: true });
    const { clock, map } = this.#options;
    const { pageBytes } = this.#inUse.file.database;
    const options = { clock, map, pageBytes, disk };
    let copy: Defragmentation | undefined;
    let renamed = false;
    const deleted = this.#commits.rememberDeleted();
    try {
      const abandoned = () => this.#isEnding || this.#becoming !== undefined;
      copy = await Defragmentation.begin(this.#inUse.file, copyPath, options, abandoned);
      await copy.copyMostRevisions();
      await this.#commits.hold();
      await copy.finish(deleted);
      await replaceDatabase(this.#inUse.disk, copyPath, this.#inUse.path, () => {
        renamed = true;
      });
      this.#inUse.replaceBy(copy.target, (error) => this.#commits.fail(error));
    } catch (error) {
      if (renamed) this.#commits.fail(error instanceof Error ? error : new Error(String(error)));
      else {
        await copy?.abandon();
        await removeDatabase(this.#inUse.disk, copyPath);
      }
      throw error;
    } finally {
      this.#commits.forgetDeleted();
      this.#commits.release();
    }
  }

  async #become(path: string, surrender: () => Promise<BboltFile>, takeOver: () => void): Promise<void> {
    let renamed = false;
    try {
      await this.#defragmenting?.catch(() => {});
      await this.#commits.hold();
      const file = await surrender();
      try {
        await replaceDatabase(this.#inUse.disk, path, this.#inUse.path, () => {
          renamed = true;
        });
      } catch (error) {
        await file.close();
        throw error;
      }
      this.#inUse.replaceBy(file, (error) => this.#commits.fail(error));
      takeOver();
    } catch (error) {
      if (renamed) this.#commits.fail(error instanceof Error ? error : new Error(String(error)));
      throw error;
    } finally {
      this.#commits.release();
    }
    this.#commits.onCommitEnd?.();
  }
}
