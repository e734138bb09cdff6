import type { File } from "@quorate/bbolt";
import type { Disk, DiskFile, DiskLock, OpenMode } from "@quorate/storage/seams/disk";
import type { Life } from "./life.ts";

/**
 * A process's view of its machine's disk: results reach it only while it lives and runs. What it had begun goes on
 * without it, as in a kernel.
 */
export class ProcessDisk implements Disk {
  readonly #disk: Disk;
  readonly #life: Life;
  /** Operations that the disk has not finished, whoever began them. */
  readonly #underWay: Set<Promise<unknown>>;

  constructor(disk: Disk, life: Life, underWay: Set<Promise<unknown>>) {
    this.#disk = disk;
    this.#life = life;
    this.#underWay = underWay;
  }

  list(directory: string): Promise<string[]> {
    return this.call(() => this.#disk.list(directory));
  }
  exists(path: string): Promise<boolean> {
    return this.call(() => this.#disk.exists(path));
  }
  makeDirectory(directory: string): Promise<void> {
    return this.call(() => this.#disk.makeDirectory(directory));
  }
  rename(from: string, to: string): Promise<void> {
    return this.call(() => this.#disk.rename(from, to));
  }
  link(from: string, to: string): Promise<void> {
    return this.call(() => this.#disk.link(from, to));
  }
  remove(path: string): Promise<void> {
    return this.call(() => this.#disk.remove(path));
  }
  syncDirectory(directory: string): Promise<void> {
    return this.call(() => this.#disk.syncDirectory(directory));
  }
  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    return new ProcessFile(await this.call(() => this.#disk.open(path, mode)), this);
  }
  /** The file's lock ends with the process. */
  async openDatabase(path: string, mode: "read" | "write" | "create"): Promise<File> {
    const file = await this.call(() => this.#disk.openDatabase(path, mode));
    return new ProcessDatabaseFile(file, this, this.#life);
  }
  /** A machine runs one process, whose locks end with it. */
  async lock(): Promise<DiskLock> {
    return { release: async () => {} };
  }
  lockExisting(): Promise<DiskLock> {
    return this.lock();
  }

  call<Result>(operation: () => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (!this.#life.isAlive) return;
      const underWay = operation();
      this.#underWay.add(underWay);
      underWay.then(
        (result) => {
          this.#underWay.delete(underWay);
          this.#life.enter(() => resolve(result));
        },
        (error: unknown) => {
          this.#underWay.delete(underWay);
          this.#life.enter(() => reject(error as Error));
        },
      );
    });
  }
}

class ProcessFile implements DiskFile {
  readonly path: string;
  readonly #file: DiskFile;
  readonly #disk: ProcessDisk;

  constructor(file: DiskFile, disk: ProcessDisk) {
    this.path = file.path;
    this.#file = file;
    this.#disk = disk;
  }

  size(): Promise<number> {
    return this.#disk.call(() => this.#file.size());
  }
  read(target: Uint8Array, position: number): Promise<number> {
    return this.#disk.call(() => this.#file.read(target, position));
  }
  write(bytes: Uint8Array, position: number): Promise<void> {
    return this.#disk.call(() => this.#file.write(bytes, position));
  }
  sync(): Promise<void> {
    return this.#disk.call(() => this.#file.sync());
  }
  truncate(size: number): Promise<void> {
    return this.#disk.call(() => this.#file.truncate(size));
  }
  close(): Promise<void> {
    return this.#disk.call(() => this.#file.close());
  }
}

class ProcessDatabaseFile implements File {
  readonly path: string;
  readonly descriptor = undefined;
  readonly memory: File["memory"];
  readonly #file: File;
  readonly #disk: ProcessDisk;
  readonly #forget: () => void;

  constructor(file: File, disk: ProcessDisk, life: Life) {
    this.path = file.path;
    this.memory = file.memory;
    this.#file = file;
    this.#disk = disk;
    this.#forget = life.onEnd(() => void file.close());
  }

  size(): Promise<number> {
    return this.#disk.call(() => this.#file.size());
  }
  readSync(target: Uint8Array, position: number): number {
    return this.#file.readSync(target, position);
  }
  read(target: Uint8Array, position: number): Promise<number> {
    return this.#disk.call(() => this.#file.read(target, position));
  }
  write(parts: readonly Uint8Array[], position: number): Promise<void> {
    return this.#disk.call(() => this.#file.write(parts, position));
  }
  sync(): Promise<void> {
    return this.#disk.call(() => this.#file.sync());
  }
  close(): Promise<void> {
    this.#forget();
    return this.#disk.call(() => this.#file.close());
  }
}
