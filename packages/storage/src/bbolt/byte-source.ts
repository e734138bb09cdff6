import { readSync } from "node:fs";

/** The bytes of a file, in whatever way they are kept. */
export interface ByteSource {
  /** Names the file in errors. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Fills `target` from byte `position` on; returns how many bytes there were, less than asked only at the end. */
  read(target: Uint8Array, position: number): number;
}

/** An open file; `fd` stays the caller's. Blocks its thread. */
export function fileSource(path: string, fd: number, sizeBytes: number): ByteSource {
  return {
    path,
    sizeBytes,
    read(target, position) {
      let done = 0;
      while (done < target.length) {
        const count = readSync(fd, target, done, target.length - done, position + done);
        if (count === 0) break;
        done += count;
      }
      return done;
    },
  };
}

/** Bytes in memory. */
export function memorySource(path: string, bytes: Uint8Array): ByteSource {
  return {
    path,
    sizeBytes: bytes.length,
    read(target, position) {
      const piece = bytes.subarray(position, position + target.length);
      target.set(piece);
      return piece.length;
    },
  };
}
