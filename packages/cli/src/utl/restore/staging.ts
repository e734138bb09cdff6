import { mkdir, readdir, rename, rm, rmdir, stat } from "node:fs/promises";
import path from "node:path";
import type { Disk } from "@quorate/storage/seams/disk";
import { Exit, ExitCode } from "../../command-line/exit.ts";

/** What is being made ends like this: no member starts on it. */
const UNFINISHED = ".unfinished";

/**
 * The directories of a member that is being made. They get their names when all of it is there, the log before the rest: a
 * crash leaves no directory that a member could take for a whole one.
 */
export class Staging {
  /** While they are made. */
  readonly snap: string;
  readonly wal: string;
  readonly #disk: Disk;
  readonly #dataDir: string;
  readonly #member: string;
  /** Where the log is to be, unless it is with the rest. */
  readonly #walElsewhere: string | undefined;
  /** Directories that were not there. */
  readonly #made: string[] = [];
  /** Those with what is being made. */
  readonly #claimed: string[] = [];

  private constructor(disk: Disk, dataDir: string, walDir: string) {
    this.#disk = disk;
    this.#dataDir = path.resolve(dataDir);
    this.#member = path.join(this.#dataDir, "member");
    const inMember = path.relative(this.#member, path.resolve(walDir));
    const isInside = inMember !== "" && !inMember.startsWith("..") && !path.isAbsolute(inMember);
    this.snap = path.join(this.#member + UNFINISHED, "snap");
    this.#walElsewhere = isInside ? undefined : path.resolve(walDir);
    this.wal = isInside
      ? path.join(this.#member + UNFINISHED, inMember)
      : `${path.resolve(walDir)}${UNFINISHED}`;
  }

  /** Throws Exit when one of the directories has something in it already. Makes nothing. */
  static async plan(disk: Disk, dataDir: string, walDir: string): Promise<Staging> {
    const names = await readdir(dataDir).catch((error: NodeJS.ErrnoException) =>
      error.code === "ENOENT" ? [] : undefined,
    );
    if (names === undefined || names.length > 0)
      throw new Exit(ExitCode.ERROR, `data-dir ${JSON.stringify(dataDir)} not empty or could not be read`);
    const isThere = await stat(walDir).then(
      () => true,
      (error: NodeJS.ErrnoException) => error.code !== "ENOENT" && error.code !== "ENOTDIR",
    );
    if (isThere) throw new Exit(ExitCode.ERROR, `wal-dir ${JSON.stringify(walDir)} exists`);
    return new Staging(disk, dataDir, walDir);
  }

  /** Makes the directories and has `fill` fill them; when that fails, nothing is left of them. */
  async run(fill: () => Promise<void>): Promise<void> {
    try {
      await this.#make();
      await fill();
      await this.#finish();
    } catch (error) {
      await this.#remove();
      throw error;
    }
  }

  async #make(): Promise<void> {
    await this.#makeDirectory(this.#dataDir);
    await this.#claim(this.#member + UNFINISHED);
    if (this.#walElsewhere !== undefined) {
      await this.#makeDirectory(path.dirname(this.wal));
      await this.#claim(this.wal);
    }
    await mkdir(this.snap, { mode: 0o700 });
    await mkdir(path.dirname(this.wal), { recursive: true, mode: 0o700 });
  }

  /** Makes a directory that nobody else has made: another restore may be under way. Throws Exit. */
  async #claim(directory: string): Promise<void> {
    try {
      await mkdir(directory, { mode: 0o700 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      const hint = "a restore is under way, or one was cut off: remove the directory if none is";
      throw new Exit(ExitCode.ERROR, `${directory} exists: ${hint}`);
    }
    this.#claimed.push(directory);
  }

  async #makeDirectory(directory: string): Promise<void> {
    const first = await mkdir(directory, { recursive: true, mode: 0o700 });
    if (first === undefined) return;
    for (let made = directory; ; made = path.dirname(made)) {
      this.#made.push(made);
      if (made === first) return;
    }
  }

  async #finish(): Promise<void> {
    const unfinished = this.#member + UNFINISHED;
    for (const directory of [this.snap, path.dirname(this.wal), unfinished])
      await this.#disk.syncDirectory(directory);
    if (this.#walElsewhere !== undefined) await rename(this.wal, this.#walElsewhere);
    try {
      await rename(unfinished, this.#member);
    } catch (error) {
      // Without its database it would be the log of a member that has lost everything.
      if (this.#walElsewhere !== undefined) await rename(this.#walElsewhere, this.wal);
      throw error;
    }
    const above = this.#made.map((made) => path.dirname(made));
    for (const directory of new Set([path.dirname(this.wal), this.#dataDir, ...above]))
      if (!directory.startsWith(unfinished)) await this.#disk.syncDirectory(directory);
  }

  /** The first failure is the one to report. What others have put there meanwhile stays. */
  async #remove(): Promise<void> {
    for (const claimed of this.#claimed) await rm(claimed, { recursive: true, force: true }).catch(() => {});
    const innermostFirst = this.#made.toSorted((a, b) => b.length - a.length);
    for (const made of innermostFirst) await rmdir(made).catch(() => {});
  }
}
