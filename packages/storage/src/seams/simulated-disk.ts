import type { File } from "@quorate/bbolt";
import {
  baseName,
  type Disk,
  DiskError,
  type DiskFile,
  type DiskLock,
  directoryOf,
  type OpenMode,
} from "./disk.ts";
import type { Random } from "./random.ts";
import { SimulatedDatabaseFile } from "./simulated-database-file.ts";
import { DirectoryNode, FileNode } from "./simulated-disk-nodes.ts";

export type DiskOperation =
  | "open"
  | "read"
  | "write"
  | "sync"
  | "truncate"
  | "rename"
  | "link"
  | "remove"
  | "syncDirectory";

/**
 * `IO`: the operation fails; of writes that a failed sync was about some are lost, and none is tried again.
 * `FULL`: no space. `CRASH`: the power fails in the middle of the operation.
 */
export type DiskFault = "IO" | "FULL" | "CRASH";

export interface SimulatedDiskOptions {
  /** Decides what a crash and a failed sync leave. */
  readonly random: Random;
  /**
   * Told of an operation that waits for the medium; calls `done` once when it has finished. By default that is at
   * once. A simulator sets a timer of its virtual clock, and a disk that stalls calls late or never.
   */
  readonly schedule?: (done: () => void, operation: DiskOperation, path: string) => void;
  /** Asked before each operation. */
  readonly fault?: (operation: DiskOperation, path: string) => DiskFault | undefined;
  /** What all files together may hold, counting only blocks that were written; `FULL` beyond. */
  readonly capacityBytes?: number;
}

/**
 * A disk in memory that loses what a real one may lose. `crash` is the loss of power: of what was not synced each
 * 512-byte sector is there or not, in any combination; a directory that was not synced is back at some earlier state
 * since its last sync; and everything that was mounted, opened or under way fails with `CRASHED`. The same seed and
 * the same calls give the same disk. Files are sparse, so segments of full size cost nothing.
 */
export class SimulatedDisk {
  readonly #options: SimulatedDiskOptions;
  readonly #root = new DirectoryNode();
  #mount: Mount | undefined;

  constructor(options: SimulatedDiskOptions) {
    this.#options = options;
  }

  /** What a process uses of the disk until the next crash. */
  mount(): Disk {
    this.#mount ??= new Mount(this.#root, this.#options, () => this.crash());
    return this.#mount;
  }

  /** Power is lost, and comes back. */
  crash(): void {
    if (this.#mount !== undefined) this.#mount.alive = false;
    this.#mount = undefined;
    this.#root.crash(this.#options.random);
  }

  /** What is in a file now, synced or not; undefined if there is no such file. */
  contents(path: string): Uint8Array | undefined {
    const node = find(this.#root, path);
    if (!(node instanceof FileNode)) return undefined;
    const bytes = new Uint8Array(node.size);
    node.read(bytes, 0);
    return bytes;
  }

  /**
   * Some bit of what is durable of a file is another one from now on; reads show it after the next crash. Returns what makes it
   * good again, and tells whether it was still wrong then. Undefined when nothing of the file is durable.
   */
  rot(path: string, random: Random): (() => boolean) | undefined {
    const node = find(this.#root, path);
    return node instanceof FileNode ? node.rot(random) : undefined;
  }

  /** Replaces a file, durably; its directory must exist. */
  setContents(path: string, bytes: Uint8Array): void {
    const parent = findDirectory(this.#root, directoryOf(path));
    const found = parent.get(baseName(path));
    const file = found instanceof FileNode ? found : new FileNode();
    parent.set(baseName(path), file);
    parent.sync();
    file.truncate(0);
    file.write(bytes, 0);
    file.sync();
  }
}

class Mount implements Disk {
  alive = true;
  readonly #root: DirectoryNode;
  readonly #options: SimulatedDiskOptions;
  readonly #crash: () => void;
  /** By path those of lock files, by file the others. */
  readonly #locks = new Set<string | FileNode>();

  constructor(root: DirectoryNode, options: SimulatedDiskOptions, crash: () => void) {
    this.#root = root;
    this.#options = options;
    this.#crash = crash;
  }

  async list(directory: string): Promise<string[]> {
    this.#assertAlive(directory);
    return findDirectory(this.#root, directory).names().sort();
  }

  async exists(path: string): Promise<boolean> {
    this.#assertAlive(path);
    return find(this.#root, path) !== undefined;
  }

  async makeDirectory(directory: string): Promise<void> {
    this.#assertAlive(directory);
    let node = this.#root;
    for (const name of parts(directory)) {
      let next = node.get(name);
      if (next === undefined) {
        next = new DirectoryNode();
        node.set(name, next);
      }
      if (next instanceof FileNode) throw new DiskError("EXISTS", directory, `${directory}: not a directory`);
      node = next;
    }
  }

  rename(from: string, to: string): Promise<void> {
    return this.operate("rename", from, () => {
      if (directoryOf(from) !== directoryOf(to))
        throw new DiskError("IO", from, `${from}: renamed across directories`);
      const parent = findDirectory(this.#root, directoryOf(from));
      const node = parent.get(baseName(from));
      if (node === undefined) throw notFound(from);
      if (node !== parent.get(baseName(to))) parent.rename(baseName(from), baseName(to));
    });
  }

  link(from: string, to: string): Promise<void> {
    return this.operate("link", from, () => {
      const node = find(this.#root, from);
      if (!(node instanceof FileNode)) throw notFound(from);
      const directory = findDirectory(this.#root, directoryOf(to));
      if (directory.get(baseName(to)) !== undefined) throw new DiskError("EXISTS", to, `${to}: exists`);
      directory.set(baseName(to), node);
    });
  }

  remove(path: string): Promise<void> {
    return this.operate("remove", path, () => {
      if (find(this.#root, path) === undefined) return;
      findDirectory(this.#root, directoryOf(path)).set(baseName(path), undefined);
    });
  }

  syncDirectory(directory: string): Promise<void> {
    return this.operate("syncDirectory", directory, () => findDirectory(this.#root, directory).sync());
  }

  open(path: string, mode: OpenMode): Promise<DiskFile> {
    return this.#open(path, mode);
  }

  async openDatabase(path: string, mode: "read" | "write" | "create"): Promise<File> {
    const file = await this.#open(path, mode === "read" ? "read" : "write");
    const lock = mode === "write" ? this.#lock(path, file.node) : undefined;
    if (mode === "create") await file.truncate(0);
    return new SimulatedDatabaseFile(file, file.node, lock);
  }

  #open(path: string, mode: OpenMode): Promise<SimulatedFile> {
    return this.operate("open", path, () => {
      let node = find(this.#root, path);
      if (node === undefined) {
        if (mode === "read") throw notFound(path);
        node = new FileNode();
        findDirectory(this.#root, directoryOf(path)).set(baseName(path), node);
      }
      if (node instanceof DirectoryNode) throw new DiskError("IO", path, `${path}: is a directory`);
      return new SimulatedFile(path, mode, node, this, this.#options.random);
    });
  }

  async lock(path: string): Promise<DiskLock> {
    this.#assertAlive(path);
    return this.#lock(path, path);
  }

  async lockExisting(path: string): Promise<DiskLock> {
    this.#assertAlive(path);
    const node = find(this.#root, path);
    if (!(node instanceof FileNode)) throw notFound(path);
    return this.#lock(path, node);
  }

  /** Injects faults, passes time for what waits for the medium, then does it, unless the power failed meanwhile. */
  async operate<Result>(operation: DiskOperation, path: string, effect: () => Result): Promise<Result> {
    this.#assertAlive(path);
    const fault = this.#options.fault?.(operation, path);
    if (fault === "CRASH") this.#crash();
    else if (fault !== undefined) throw new DiskError(fault, path, `${path}: ${operation} failed: ${fault}`);
    const { schedule } = this.#options;
    if (schedule !== undefined && (operation === "sync" || operation === "syncDirectory")) {
      await new Promise<void>((resolve) => schedule(resolve, operation, path));
    }
    this.#assertAlive(path);
    return effect();
  }

  assertSpace(path: string, node: FileNode, length: number, position: number): void {
    this.#assertAlive(path);
    const { capacityBytes } = this.#options;
    if (capacityBytes === undefined) return;
    const growth = node.growth(length, position);
    if (growth > 0 && this.#root.bytes() + growth > capacityBytes) {
      throw new DiskError("FULL", path, `${path}: no space left on device`);
    }
  }

  #lock(path: string, key: string | FileNode): DiskLock {
    if (this.#locks.has(key))
      throw new DiskError("LOCKED", path, `${path} is locked: another member uses it`);
    this.#locks.add(key);
    let released = false;
    return {
      release: async () => {
        if (!released) this.#locks.delete(key);
        released = true;
      },
    };
  }

  #assertAlive(path: string): void {
    if (!this.alive) throw new DiskError("CRASHED", path, `${path}: the power failed`);
  }
}

class SimulatedFile implements DiskFile {
  readonly path: string;
  readonly node: FileNode;
  readonly #mode: OpenMode;
  readonly #mount: Mount;
  readonly #random: Random;
  #closed = false;

  constructor(path: string, mode: OpenMode, node: FileNode, mount: Mount, random: Random) {
    this.path = path;
    this.#mode = mode;
    this.node = node;
    this.#mount = mount;
    this.#random = random;
  }

  size(): Promise<number> {
    return this.#operate("read", () => this.node.size);
  }

  read(target: Uint8Array, position: number): Promise<number> {
    return this.#operate("read", () => this.node.read(target, position));
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    this.#assertWritable();
    this.#mount.assertSpace(this.path, this.node, bytes.length, position);
    // The medium may get any part of it from now on, whatever becomes of this call.
    const mark = this.node.write(bytes, position);
    const range = { start: position, end: position + bytes.length };
    this.node.beginWrite(range);
    try {
      await this.#operate("write", () => {});
      if (this.#mode === "durable") await this.#sync(mark);
    } finally {
      this.node.endWrite(range);
    }
  }

  async sync(): Promise<void> {
    this.#assertWritable();
    await this.#sync(this.node.mark());
  }

  async truncate(size: number): Promise<void> {
    this.#assertWritable();
    await this.#operate("truncate", () => this.node.truncate(size));
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  async #sync(mark: number): Promise<void> {
    try {
      await this.#operate("sync", () => this.node.sync(mark));
    } catch (error) {
      if (error instanceof DiskError && error.code !== "CRASHED") this.node.loseSomeWrites(this.#random);
      throw error;
    }
  }

  #operate<Result>(operation: DiskOperation, effect: () => Result): Promise<Result> {
    if (this.#closed) return Promise.reject(new DiskError("IO", this.path, `${this.path}: closed`));
    return this.#mount.operate(operation, this.path, effect);
  }

  #assertWritable(): void {
    if (this.#mode === "read") throw new DiskError("IO", this.path, `${this.path}: opened to read`);
  }
}

function find(root: DirectoryNode, path: string): DirectoryNode | FileNode | undefined {
  let node: DirectoryNode | FileNode | undefined = root;
  for (const name of parts(path)) {
    if (!(node instanceof DirectoryNode)) return undefined;
    node = node.get(name);
  }
  return node;
}

function findDirectory(root: DirectoryNode, path: string): DirectoryNode {
  const node = find(root, path);
  if (!(node instanceof DirectoryNode)) throw notFound(path);
  return node;
}

function parts(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

function notFound(path: string): DiskError {
  return new DiskError("NOT_FOUND", path, `${path}: no such file or directory`);
}
