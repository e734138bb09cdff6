import type { Disk, File } from "@quorate/bbolt";

/** Files in memory, by their paths: for databases that nobody keeps. */
export class MemoryDisk implements Disk {
  readonly #files = new Map<string, MemoryFile>();

  /** A disk with one file. */
  static with(path: string, bytes: Uint8Array): MemoryDisk {
    const disk = new MemoryDisk();
    const file = new MemoryFile(path);
    file.bytes = bytes;
    disk.#files.set(path, file);
    return disk;
  }

  async open(path: string, mode: "read" | "write" | "create"): Promise<File> {
    let file = this.#files.get(path);
    if (file === undefined || mode === "create") {
      if (mode === "read") throw new Error(`${path}: no such file`);
      file = new MemoryFile(path);
      this.#files.set(path, file);
    }
    return file;
  }

  async rename(from: string, to: string): Promise<void> {
    this.#files.set(to, this.#files.get(from)!);
    this.#files.delete(from);
  }

  async syncDirectory(): Promise<void> {}

  /** Of a file that is there. */
  bytesOf(path: string): Uint8Array {
    return this.#files.get(path)!.bytes;
  }
}

class MemoryFile implements File {
  readonly path: string;
  readonly descriptor = undefined;
  bytes: Uint8Array = new Uint8Array(0);

  constructor(path: string) {
    this.path = path;
  }

  async size(): Promise<number> {
    return this.bytes.length;
  }

  readSync(target: Uint8Array, position: number): number {
    const piece = this.bytes.subarray(position, position + target.length);
    target.set(piece);
    return piece.length;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    return this.readSync(target, position);
  }

  async write(parts: readonly Uint8Array[], position: number): Promise<void> {
    const written = Buffer.concat(parts);
    const end = position + written.length;
    if (end > this.bytes.length) {
      const longer = new Uint8Array(end);
      longer.set(this.bytes);
      this.bytes = longer;
    }
    this.bytes.set(written, position);
  }

  async sync(): Promise<void> {}
  async close(): Promise<void> {}
}
