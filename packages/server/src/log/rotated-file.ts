import {
  accessSync,
  appendFileSync,
  closeSync,
  constants,
  openSync,
  readdirSync,
  rmSync,
  statSync,
} from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
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

/** Appends to the file at `file`, and moves it aside, as `NAME-TIME.EXT`, whenever it is full. Throws when it cannot be opened. */
export function openRotatedFile(file: string, rotation: LogRotation): LogOutput {
  checkWritable(file);
  const { name, ext, dir } = path.parse(path.resolve(file));
  const { createStream } = loadLibrary();
  const stream = createStream(
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
  const isBackup = (entry: string) => entry.startsWith(`${name}-`) && entry.includes(ext);
  const prune = () => removeOld(dir, isBackup, rotation);
  stream.on("rotated", prune);
  // A disk that is full must not stop a member: lines are lost, the data is not.
  stream.on("error", () => {});
  prune();
  /** Given to the stream, and not known to be in the file. */
  const waiting: string[] = [];
  return {
    write(line) {
      if (stream.writableLength >= MAX_WAITING_BYTES) return;
      waiting.push(line);
      stream.write(line, () => waiting.shift());
    },
    flush() {
      // The stream's turn does not come any more. One that was being written may be there twice.
      try {
        appendFileSync(file, waiting.splice(0).join(""));
      } catch {
        // As in every other write of a log.
      }
    },
  };
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

function removeOld(dir: string, isBackup: (entry: string) => boolean, rotation: LogRotation): void {
  try {
    const backups = readdirSync(dir).filter(isBackup).sort().reverse();
    const oldestMs = rotation.maxAgeMs === 0 ? 0 : Date.now() - rotation.maxAgeMs;
    for (const [position, entry] of backups.entries()) {
      const file = path.join(dir, entry);
      const isTooMany = rotation.maxBackups !== 0 && position >= rotation.maxBackups;
      if (isTooMany || statSync(file).mtimeMs < oldestMs) rmSync(file, { force: true });
    }
  } catch {
    // Somebody else may be tidying up, too. The next rotation tries again.
  }
}
