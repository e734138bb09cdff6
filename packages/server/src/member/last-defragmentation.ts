import type { Clock } from "@quorate/storage/seams/clock";
import { type Disk, readFile } from "@quorate/storage/seams/disk";
import { replaceFile } from "@quorate/storage/seams/whole-files";
import type { DefragmentationTime } from "../api/scheduled-defragmentation.ts";
import type { Logger } from "../log/logger.ts";

/** A point in time, as text; what is longer is something else. */
const LIMIT_BYTES = 64;

export interface LastDefragmentationOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly log: Logger;
  /** The file; its directory is there. */
  readonly path: string;
}

/**
 * When this member last had a part in a scheduled defragmentation, kept in a file from one life to the next: else a member that
 * starts more often than the interval passes would never come to one. The file has the wall clock's time, which is the only one
 * that goes on between lives; a clock that was set wrong brings a defragmentation forward, or puts it off by an interval.
 */
export class LastDefragmentation implements DefragmentationTime {
  readonly #options: LastDefragmentationOptions;
  #lastMs = 0;
  #writing: Promise<void> = Promise.resolve();

  private constructor(options: LastDefragmentationOptions) {
    this.#options = options;
  }

  /** Without a file that can be used the interval begins now. Does not reject: what fails is logged. */
  static async open(options: LastDefragmentationOptions): Promise<LastDefragmentation> {
    const last = new LastDefragmentation(options);
    const { clock } = options;
    const wallMs = await read(options);
    const agoMs = clock.wallMs() - (wallMs ?? Number.POSITIVE_INFINITY);
    if (agoMs >= 0) last.#lastMs = clock.nowMs() - agoMs;
    else last.isNow();
    await last.close();
    return last;
  }

  get lastMs(): number {
    return this.#lastMs;
  }

  isNow(): void {
    const { clock } = this.#options;
    this.#lastMs = clock.nowMs();
    const text = `${new Date(clock.wallMs()).toISOString()}\n`;
    this.#writing = this.#writing.then(() => write(this.#options, text));
  }

  /** Resolves when what is being written is written. */
  close(): Promise<void> {
    return this.#writing;
  }
}

/** Milliseconds since the Unix epoch; undefined when there is no file, or none that says it. */
async function read({ disk, path, log }: LastDefragmentationOptions): Promise<number | undefined> {
  try {
    if (!(await disk.exists(path))) return undefined;
    const text = Buffer.from(await readFile(disk, path, LIMIT_BYTES))
      .toString()
      .trim();
    const wallMs = Date.parse(text);
    if (!Number.isNaN(wallMs)) return wallMs;
    log.warn("the time of the last scheduled defragmentation cannot be read", { path, text });
  } catch (error) {
    log.warn("the time of the last scheduled defragmentation cannot be read", {
      path,
      error: (error as Error).message,
    });
  }
  return undefined;
}

async function write({ disk, path, log }: LastDefragmentationOptions, text: string): Promise<void> {
  try {
    await replaceFile(disk, path, (file) => file.write(Buffer.from(text), 0));
  } catch (error) {
    log.warn("the time of a scheduled defragmentation cannot be kept", {
      path,
      error: (error as Error).message,
    });
  }
}
