import { type FileHandle, open, rename } from "node:fs/promises";

/** A file that is only appended to. */
export interface OpenedFile {
  readonly sizeBytes: number;
  /** Undefined while it is empty. */
  readonly lastByte: number | undefined;
  /** Resolves with how many bytes were taken, at least one. Rejects when none was. */
  append(bytes: Uint8Array): Promise<number>;
  close(): Promise<void>;
}

/** What audit files need of a disk. */
export interface AuditDisk {
  /** Makes the file, for its owner alone, when there is none. */
  open(path: string): Promise<OpenedFile>;
  /** Does nothing when there is no such file. */
  rename(from: string, to: string): Promise<void>;
}

export const REAL_AUDIT_DISK: AuditDisk = {
  async open(path) {
    const handle = await open(path, "a+", 0o600);
    try {
      const { size } = await handle.stat();
      return new RealFile(handle, size, size === 0 ? undefined : await lastByteOf(handle, size));
    } catch (error) {
      await handle.close();
      throw error;
    }
  },
  async rename(from, to) {
    try {
      await rename(from, to);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  },
};

class RealFile implements OpenedFile {
  readonly #handle: FileHandle;
  sizeBytes: number;
  lastByte: number | undefined;

  constructor(handle: FileHandle, sizeBytes: number, lastByte: number | undefined) {
    this.#handle = handle;
    this.sizeBytes = sizeBytes;
    this.lastByte = lastByte;
  }

  async append(bytes: Uint8Array): Promise<number> {
    const { bytesWritten } = await this.#handle.write(bytes);
    if (bytesWritten === 0) throw new Error("nothing was written");
    this.sizeBytes += bytesWritten;
    this.lastByte = bytes[bytesWritten - 1];
    return bytesWritten;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

async function lastByteOf(handle: FileHandle, size: number): Promise<number | undefined> {
  const byte = new Uint8Array(1);
  const { bytesRead } = await handle.read(byte, 0, 1, size - 1);
  return bytesRead === 1 ? byte[0] : undefined;
}
