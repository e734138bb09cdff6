import fs from "node:fs";
import path from "node:path";
import type { Disk, File } from "./disk.ts";

const { O_CREAT, O_RDONLY, O_RDWR, O_TRUNC } = fs.constants;
const MODES = { read: O_RDONLY, write: O_RDWR | O_CREAT, create: O_RDWR | O_CREAT | O_TRUNC };
/** What the kernel takes in one call (IOV_MAX). */
const MOST_PARTS = 1024;

/** The machine's file system. Errors are Node's. */
export class RealDisk implements Disk {
  open(file: string, mode: "read" | "write" | "create"): Promise<File> {
    return new Promise((resolve, reject) => {
      fs.open(file, MODES[mode], 0o600, (error, descriptor) => {
        if (error !== null) reject(error);
        else resolve(new RealFile(file, descriptor));
      });
    });
  }

  rename(from: string, to: string): Promise<void> {
    return fs.promises.rename(from, to);
  }

  async syncDirectory(file: string): Promise<void> {
    const handle = await fs.promises.open(path.dirname(file), O_RDONLY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}

class RealFile implements File {
  readonly path: string;
  readonly descriptor: number;
  #closed = false;

  constructor(path: string, descriptor: number) {
    this.path = path;
    this.descriptor = descriptor;
  }

  size(): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.fstat(this.descriptor, (error, stats) => {
        if (error !== null) reject(error);
        else resolve(stats.size);
      });
    });
  }

  readSync(target: Uint8Array, position: number): number {
    let done = 0;
    while (done < target.length) {
      const count = fs.readSync(this.descriptor, target, done, target.length - done, position + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  read(target: Uint8Array, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const step = (done: number): void => {
        fs.read(this.descriptor, target, done, target.length - done, position + done, (error, count) => {
          if (error !== null) reject(error);
          else if (count === 0 || done + count === target.length) resolve(done + count);
          else step(done + count);
        });
      };
      step(0);
    });
  }

  async write(parts: readonly Uint8Array[], position: number): Promise<void> {
    let at = position;
    for (let i = 0; i < parts.length; i += MOST_PARTS) {
      const some = parts.slice(i, i + MOST_PARTS);
      await this.#writeAll(some, at);
      for (const part of some) at += part.length;
    }
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.fdatasync(this.descriptor, (error) => {
        if (error !== null) reject(error);
        else resolve();
      });
    });
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    return new Promise((resolve, reject) => {
      fs.close(this.descriptor, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  }

  #writeAll(parts: readonly Uint8Array[], position: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const step = (left: readonly Uint8Array[], at: number): void => {
        fs.writev(this.descriptor, left, at, (error, count) => {
          if (error !== null) {
            reject(error);
            return;
          }
          // A short write is how a disk that fills up says so first; the rest then fails with the reason.
          const rest = behind(left, count);
          if (rest.length === 0) resolve();
          else step(rest, at + count);
        });
      };
      step(parts, position);
    });
  }
}

/** What is left of `parts` without their first `count` bytes. */
function behind(parts: readonly Uint8Array[], count: number): Uint8Array[] {
  const rest: Uint8Array[] = [];
  let left = count;
  for (const part of parts) {
    if (left >= part.length) left -= part.length;
    else {
      rest.push(part.subarray(left));
      left = 0;
    }
  }
  return rest;
}
