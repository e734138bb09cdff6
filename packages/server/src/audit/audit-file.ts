import type { Clock, Timer } from "@quorate/storage/seams/clock";
import type { Logger } from "../log/logger.ts";
import type { AuditDisk, OpenedFile } from "./audit-disk.ts";

/** What waits in memory while it cannot be written. */
const MAX_UNWRITTEN_BYTES = 16 * 1024 * 1024;
/** The same, when lines that matter less are no longer taken. */
const MAX_MINOR_BYTES = MAX_UNWRITTEN_BYTES / 2;
/** After a write that has failed the next one waits so long, so that a full disk is no work. */
const RETRY_MS = 1_000;
/** What is put together in one turn of the loop. */
const LINES_IN_A_PIECE = 4_096;
const NEWLINE = 0x0a;

export interface AuditFileOptions {
  readonly path: string;
  /** A line is handed to the system after so long at most, if it takes it: from then on a kill of the process does not lose it. */
  readonly flushMs: number;
  /** A file that would become larger is put aside first; 0: never. */
  readonly maxBytes: number;
  /** So many files that were put aside are kept, as `path.1` (the latest) and so on. At least 1. */
  readonly keptFiles: number;
  readonly disk: AuditDisk;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Lines in a file that is only appended to. Writing goes on beside everything else, and never fails whoever has something to
 * write down: what the disk does not take is kept for a while and then left out, counted and warned of.
 */
export class AuditFile {
  readonly counts = { written: 0, lost: 0, failedWrites: 0 };
  readonly #options: AuditFileOptions;
  #file: OpenedFile;
  #lines: string[] = [];
  #linesBytes = 0;
  /** What an earlier write has left over: whole lines, but for the first one. */
  #rest: Uint8Array = new Uint8Array(0);
  #restLines = 0;
  #flushing: Promise<void> | undefined;
  #timer: Timer | undefined;
  /** Still to be done to put the file aside: what has failed in between goes on there, and shifts no file twice. */
  #renamesLeft: number;
  #isFailing = false;
  #isClosed = false;

  private constructor(options: AuditFileOptions, file: OpenedFile) {
    this.#options = options;
    this.#renamesLeft = options.keptFiles;
    this.#file = file;
    // A line that a crash or a full disk has cut off stays by itself.
    if (file.sizeBytes > 0 && file.lastByte !== NEWLINE) this.#rest = Uint8Array.of(NEWLINE);
  }

  /** Rejects when the file cannot be opened. */
  static async open(options: AuditFileOptions): Promise<AuditFile> {
    return new AuditFile(options, await options.disk.open(options.path));
  }

  /** `line` has no newline. With `isMinor` it is left out sooner, when too much waits. */
  append(line: string, isMinor = false): void {
    const bytes = line.length + 1;
    const maxBytes = isMinor ? MAX_MINOR_BYTES : MAX_UNWRITTEN_BYTES;
    if (this.#isClosed || this.#rest.length + this.#linesBytes + bytes > maxBytes) {
      this.counts.lost++;
      return;
    }
    this.#lines.push(line);
    this.#linesBytes += bytes;
    this.#schedule(this.#options.flushMs);
  }

  /** Writes what there is, as far as the disk takes it, and closes. Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#flushing;
    await this.#flush();
    this.counts.lost += this.#restLines + this.#lines.length;
    await this.#file.close();
  }

  #schedule(delayMs: number): void {
    if (this.#timer !== undefined || this.#isClosed) return;
    this.#timer = this.#options.clock.setTimer(delayMs, () => {
      this.#timer = undefined;
      this.#flushing ??= this.#flush().finally(() => {
        this.#flushing = undefined;
        if (this.#hasMore) this.#schedule(this.#isFailing ? RETRY_MS : this.#options.flushMs);
      });
    });
  }

  get #hasMore(): boolean {
    return this.#lines.length > 0 || this.#rest.length > 0;
  }

  async #flush(): Promise<void> {
    try {
      await this.#write();
      if (this.#isFailing)
        this.#options.log.info("audit records are written again", { lost: this.counts.lost });
      this.#isFailing = false;
    } catch (error) {
      this.counts.failedWrites++;
      if (!this.#isFailing) {
        const { path } = this.#options;
        this.#options.log.warn("audit records cannot be written", { path, error: (error as Error).message });
      }
      this.#isFailing = true;
    }
  }

  async #write(): Promise<void> {
    while (this.#hasMore) {
      this.#takePiece();
      if (this.#isFull) await this.#putAside();
      while (this.#rest.length > 0) {
        const written = await this.#file.append(this.#rest);
        this.#rest = this.#rest.subarray(written);
      }
      this.counts.written += this.#restLines;
      this.#restLines = 0;
    }
  }

  #takePiece(): void {
    const lines = this.#lines.splice(0, LINES_IN_A_PIECE);
    if (lines.length === 0) return;
    const text = `${lines.join("\n")}\n`;
    this.#linesBytes -= text.length;
    this.#rest = Buffer.concat([this.#rest, Buffer.from(text)]);
    this.#restLines += lines.length;
  }

  /** In the middle of a line the file goes on: no other one begins with the end of it. */
  get #isFull(): boolean {
    const { sizeBytes, lastByte } = this.#file;
    const { maxBytes } = this.#options;
    return maxBytes > 0 && lastByte === NEWLINE && sizeBytes + this.#rest.length > maxBytes;
  }

  async #putAside(): Promise<void> {
    const { disk, keptFiles, path } = this.#options;
    for (; this.#renamesLeft > 0; this.#renamesLeft--) {
      const from = this.#renamesLeft === 1 ? path : `${path}.${this.#renamesLeft - 1}`;
      await disk.rename(from, `${path}.${this.#renamesLeft}`);
    }
    const next = await disk.open(path);
    const full = this.#file;
    this.#file = next;
    this.#renamesLeft = keptFiles;
    // What is in it was taken when it was appended.
    await full.close().catch(() => {});
  }
}
