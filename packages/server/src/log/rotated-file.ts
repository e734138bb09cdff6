import { accessSync, appendFileSync, closeSync, constants, openSync } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import type { RotatingFileStream } from "rotating-file-stream";
import type { LogOutput } from "./log-output.ts";

/** When a log file is replaced by an empty one, and what becomes of the old ones. */
export interface LogRotation {
  readonly maxSizeBytes: number;
  /** Older ones are removed; 0: none for its age. */
  readonly maxAgeMs: number;
  /** So many are kept; 0: all. */
  readonly maxBackups: number;
  /** Names have the time of this machine's zone instead of UTC. */
  readonly localTime: boolean;
  readonly compress: boolean;
}

/** Of lines that wait for a disk that does not take them; further ones are lost. */
const MAX_WAITING_BYTES = 16 * 2 ** 20;
/** After a failure the file is opened again so much later. */
const REOPEN_MS = 1_000;
/** So many lines that are written are forgotten at a time. */
const FORGOTTEN_LINES = 1_024;

/** Those of loggers that nobody has any more stay, too: the runtime takes it for an error when an open file is collected. */
const openStreams = new Set<RotatingFileStream>();

/** Appends to the file at `file`, and moves it aside, as `NAME-TIME.EXT`, whenever it is full. Throws when it cannot be opened. */
export function openRotatedFile(file: string, rotation: LogRotation): LogOutput {
  checkWritable(file);
  return new RotatedFile(file, rotation);
}

/** Lines are written one after the other, so that of each it is known whether it is in the file. */
class RotatedFile implements LogOutput {
  readonly #file: string;
  readonly #open: () => RotatingFileStream;
  readonly #prune: () => void;
  #stream: RotatingFileStream;
  #lines: string[] = [];
  /** Of them these are in the file. */
  #written = 0;
  #waitingChars = 0;
  #isWriting = false;
  /** The line that the stream has, and that is not known to be in the file. */
  #line: string | undefined;

  constructor(file: string, rotation: LogRotation) {
    const { name, ext, dir } = path.parse(path.resolve(file));
    const { createStream } = loadLibrary();
    this.#file = file;
    this.#open = () =>
      createStream(
        (time, index) =>
          time === null
            ? `${name}${ext}`
            : `${name}-${timeText(time, rotation)}${turn(index)}${ext}${ending(rotation)}`,
        {
          path: dir,
          size: `${rotation.maxSizeBytes}B`,
          mode: 0o600,
          ...(rotation.compress ? { compress: "gzip" } : {}),
        },
      );
    this.#prune = () => void removeOld(dir, backupsOf(name, ext), rotation);
    this.#stream = this.#begin();
    this.#prune();
  }

  write(line: string): void {
    if (this.#waitingChars >= MAX_WAITING_BYTES) return;
    this.#waitingChars += line.length;
    this.#lines.push(line);
    this.#writeNext();
  }

  flush(): void {
    // The stream's turn does not come any more. One that was being written may be there twice.
    try {
      appendFileSync(this.#file, this.#lines.slice(this.#written).join(""));
    } catch {
      // As in every other write of a log.
    }
    this.#lines = [];
    this.#written = 0;
    this.#waitingChars = 0;
    this.#line = undefined;
  }

  #begin(): RotatingFileStream {
    const stream = this.#open();
    openStreams.add(stream);
    let isOpen = false;
    stream.on("open", () => {
      isOpen = true;
    });
    stream.on("rotated", this.#prune);
    // A line that fills the file is in it, whatever becomes of the rotation. A full one is rotated before it is open.
    stream.on("rotation", () => {
      if (isOpen) this.#hasWritten();
    });
    // A disk that is full must not stop a member: lines wait, and are lost at last; the data is not.
    stream.on("error", () => {});
    // No failed stream is written to again.
    stream.on("close", () => {
      openStreams.delete(stream);
      this.#isWriting = true;
      this.#line = undefined;
      setTimeout(() => this.#reopen(), REOPEN_MS).unref();
    });
    return stream;
  }

  #reopen(): void {
    this.#stream = this.#begin();
    this.#isWriting = false;
    this.#writeNext();
  }

  #writeNext(): void {
    if (this.#isWriting || this.#written === this.#lines.length) return;
    this.#isWriting = true;
    this.#line = this.#lines[this.#written]!;
    this.#stream.write(this.#line, (error) => {
      // What follows a failure is the stream's end.
      if (error) return;
      this.#hasWritten();
      this.#isWriting = false;
      this.#writeNext();
    });
  }

  #hasWritten(): void {
    if (this.#line === undefined) return;
    this.#waitingChars -= this.#line.length;
    this.#line = undefined;
    this.#written++;
    if (this.#written < FORGOTTEN_LINES) return;
    this.#lines.splice(0, this.#written);
    this.#written = 0;
  }
}

/** It is loaded when there is a file to rotate. */
function loadLibrary(): typeof import("rotating-file-stream") {
  return createRequire(import.meta.url)("rotating-file-stream") as typeof import("rotating-file-stream");
}

/** What is written asynchronously is to fail at once when it never can work. */
function checkWritable(file: string): void {
  closeSync(openSync(file, "a", 0o600));
  accessSync(path.dirname(path.resolve(file)), constants.W_OK);
}

/** As in Go's `2006-01-02T15-04-05.000`. */
function timeText(time: number | Date, { localTime }: LogRotation): string {
  const date = new Date(time);
  const shifted = localTime ? new Date(date.getTime() - date.getTimezoneOffset() * 60_000) : date;
  return shifted.toISOString().slice(0, -1).replaceAll(":", "-");
}

function turn(index: number | undefined): string {
  return index === undefined || index <= 1 ? "" : `-${index}`;
}

function ending({ compress }: LogRotation): string {
  return compress ? ".gz" : "";
}

/** A file that was moved aside, by its name: when, and as which one of that moment. */
function backupsOf(name: string, ext: string): RegExp {
  const time = String.raw`(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3})(?:-(\d+))?`;
  return new RegExp(`^${RegExp.escape(`${name}-`)}${time}${RegExp.escape(ext)}(?:\\.gz)?$`);
}

async function removeOld(dir: string, backup: RegExp, rotation: LogRotation): Promise<void> {
  // Somebody else may be tidying up, too: what is gone is as good as removed, and the next rotation tries the rest again.
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => []);
  const backups = entries
    .filter((entry) => entry.isFile() && backup.test(entry.name))
    .map(({ name }) => name)
    .sort((a, b) => compareAges(backup.exec(a)!, backup.exec(b)!));
  const oldestMs = rotation.maxAgeMs === 0 ? 0 : Date.now() - rotation.maxAgeMs;
  for (const [position, entry] of backups.entries()) {
    const file = path.join(dir, entry);
    try {
      const isTooMany = rotation.maxBackups !== 0 && position >= rotation.maxBackups;
      if (isTooMany || (await stat(file)).mtimeMs < oldestMs) await rm(file);
    } catch {
      // One that stays does not keep the others.
    }
  }
}

/** The latest comes first. */
function compareAges(
  [, timeA, turnA = "1"]: RegExpExecArray,
  [, timeB, turnB = "1"]: RegExpExecArray,
): number {
  return timeA === timeB ? Number(turnB) - Number(turnA) : timeA! < timeB! ? 1 : -1;
}
