/**
 * The only way in which a database touches storage.
 *
 * What a crash leaves, and what a database relies on: bytes written are durable once `sync` has resolved; before that any
 * subset of the 512-byte sectors they touch may have reached the disk. A name is durable once `syncDirectory` has resolved,
 * and a rename is atomic.
 */
export interface Disk {
  /** `read`: an existing file. `write`: to read and write, made when absent. `create`: the same, and emptied. */
  open(path: string, mode: "read" | "write" | "create"): Promise<File>;
  /** Both names lie in the same directory; a file called `to` is replaced. */
  rename(from: string, to: string): Promise<void>;
  /** Makes the names in the directory of `path` durable. */
  syncDirectory(path: string): Promise<void>;
}

/** A file's bytes in memory, where each write shows at once. */
export interface FileMemory {
  /** A power of two, and not less than a page. */
  readonly windowBytes: number;
  /** The bytes from `index * windowBytes` on, as many as a window has; zeros behind the end. Nobody writes to them. */
  window(index: number): Uint8Array<ArrayBuffer>;
}

/** An open file. What is written is seen by reads at once, durable or not. */
export interface File {
  /** Names the file in errors. */
  readonly path: string;
  /** Of the kernel, for what maps the file into memory; undefined where there is none. */
  readonly descriptor: number | undefined;
  /** Where a file without a descriptor can be seen in memory all the same; unless given, nowhere. */
  readonly memory?: FileMemory | undefined;
  size(): Promise<number>;
  /** Fills `target` from byte `position` on; returns how many bytes there were, less than asked only at the end. */
  readSync(target: Uint8Array, position: number): number;
  /** The same off the event loop; `target` is borrowed until the promise settles. */
  read(target: Uint8Array, position: number): Promise<number>;
  /** Writes `parts` one behind the other; borrows them until the promise settles. Runs off the event loop. */
  write(parts: readonly Uint8Array[], position: number): Promise<void>;
  /** All bytes written so far, and the size, become durable. Runs off the event loop. */
  sync(): Promise<void>;
  /** Idempotent. Does not sync. */
  close(): Promise<void>;
}
