import type { File, FileMemory } from "@quorate/bbolt";
import type { DiskFile, DiskLock } from "./disk.ts";
import type { FileNode } from "./simulated-disk-nodes.ts";

/** A file of a simulated disk as a database uses it: it can be read at once, and is seen in memory as if it were mapped. */
export class SimulatedDatabaseFile implements File {
  readonly path: string;
  readonly descriptor = undefined;
  readonly memory: FileMemory;
  readonly #file: DiskFile;
  readonly #node: FileNode;
  readonly #lock: DiskLock | undefined;

  /** `lock` is given back when the file is closed. */
  constructor(file: DiskFile, node: FileNode, lock: DiskLock | undefined) {
    this.path = file.path;
    this.memory = node.memory;
    this.#file = file;
    this.#node = node;
    this.#lock = lock;
  }

  size(): Promise<number> {
    return this.#file.size();
  }

  readSync(target: Uint8Array, position: number): number {
    return this.#node.read(target, position);
  }

  read(target: Uint8Array, position: number): Promise<number> {
    return this.#file.read(target, position);
  }

  write(parts: readonly Uint8Array[], position: number): Promise<void> {
    return this.#file.write(parts.length === 1 ? parts[0]! : Buffer.concat(parts), position);
  }

  sync(): Promise<void> {
    return this.#file.sync();
  }

  async close(): Promise<void> {
    await this.#file.close();
    await this.#lock?.release();
  }
}
