import type { Disk as BboltDisk, File } from "@quorate/bbolt";
import { type Disk, directoryOf } from "../seams/disk.ts";

/**
 * A disk as `@quorate/bbolt` wants it. Every database that is opened to be written is held until it is closed: an etcd and we keep
 * each other out. `open` rejects with a `DiskError` of code `LOCKED`, and nothing was changed.
 */
export class DatabaseDisk implements BboltDisk {
  readonly #disk: Disk;
  readonly #files = new Set<SyncedLater>();
  #syncsLater: boolean;

  /** `syncsLater`: nothing that is written is made durable before `syncFromNowOn`, as for a copy that nobody needs before it is whole. */
  constructor(disk: Disk, { syncsLater = false }: { readonly syncsLater?: boolean } = {}) {
    this.#disk = disk;
    this.#syncsLater = syncsLater;
  }

  async open(path: string, mode: "read" | "write" | "create"): Promise<File> {
    const file = await this.#disk.openDatabase(path, mode);
    if (!this.#syncsLater) return file;
    const later = new SyncedLater(file, () => this.#syncsLater);
    this.#files.add(later);
    return later;
  }

  /** Makes durable what has been written, and from now on whatever is asked to be. */
  async syncFromNowOn(): Promise<void> {
    this.#syncsLater = false;
    await Promise.all([...this.#files].map((file) => file.syncIfOpen()));
    this.#files.clear();
  }

  rename(from: string, to: string): Promise<void> {
    return this.#disk.rename(from, to);
  }

  syncDirectory(path: string): Promise<void> {
    return this.#disk.syncDirectory(directoryOf(path));
  }
}

class SyncedLater implements File {
  readonly path: string;
  readonly descriptor: number | undefined;
  readonly memory: File["memory"];
  readonly #file: File;
  readonly #isLater: () => boolean;
  #isOpen = true;

  constructor(file: File, isLater: () => boolean) {
    this.path = file.path;
    this.descriptor = file.descriptor;
    this.memory = file.memory;
    this.#file = file;
    this.#isLater = isLater;
  }

  size(): Promise<number> {
    return this.#file.size();
  }

  readSync(target: Uint8Array, position: number): number {
    return this.#file.readSync(target, position);
  }

  read(target: Uint8Array, position: number): Promise<number> {
    return this.#file.read(target, position);
  }

  write(parts: readonly Uint8Array[], position: number): Promise<void> {
    return this.#file.write(parts, position);
  }

  async sync(): Promise<void> {
    if (!this.#isLater()) await this.#file.sync();
  }

  async syncIfOpen(): Promise<void> {
    if (this.#isOpen) await this.#file.sync();
  }

  close(): Promise<void> {
    this.#isOpen = false;
    return this.#file.close();
  }
}
