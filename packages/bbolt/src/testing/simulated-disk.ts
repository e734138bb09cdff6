import type { Disk, File } from "../disk/disk.ts";

const SECTOR_BYTES = 512;

/** What a simulated disk draws from. */
export interface Chance {
  chance(probability: number): boolean;
}

/** A name made, renamed or removed; written bytes; a sync. */
export type DiskEvent = "open" | "rename" | "write" | "sync" | "syncDirectory";

/**
 * A disk in memory. `crashed` tells what a loss of power at this moment leaves: of everything that has not been synced, any
 * part.
 */
export class SimulatedDisk implements Disk {
  #names = new Map<string, Content>();
  #durableNames = new Map<string, Content>();
  /** Called before each operation; one that it throws from fails, and has done nothing. */
  onEvent: (event: DiskEvent, path: string) => void = () => {};

  /** A disk with these files, which are durable. */
  static with(files: Readonly<Record<string, Uint8Array>>): SimulatedDisk {
    const disk = new SimulatedDisk();
    for (const [path, bytes] of Object.entries(files)) {
      const content = new Content(bytes);
      disk.#names.set(path, content);
      disk.#durableNames.set(path, content);
    }
    return disk;
  }

  async open(path: string, mode: "read" | "write" | "create"): Promise<File> {
    this.onEvent("open", path);
    let content = this.#names.get(path);
    if (content === undefined || mode === "create") {
      if (mode === "read") throw new Error(`${path}: no such file`);
      content = new Content(new Uint8Array(0));
      this.#names.set(path, content);
    }
    return new SimulatedFile(path, content, (event) => this.onEvent(event, path));
  }

  async rename(from: string, to: string): Promise<void> {
    this.onEvent("rename", from);
    this.#names.set(to, this.#names.get(from)!);
    this.#names.delete(from);
  }

  async syncDirectory(path: string): Promise<void> {
    this.onEvent("syncDirectory", path);
    this.#durableNames = new Map(this.#names);
  }

  /** The bytes of a file as they are read now; undefined when there is none. */
  bytesOf(path: string): Uint8Array | undefined {
    return this.#names.get(path)?.current.slice(0, this.#names.get(path)!.size);
  }

  /** What is left after a loss of power: each sector that was not synced is the old or the new one. */
  crashed(chance: Chance): SimulatedDisk {
    const left: Record<string, Uint8Array> = {};
    const names = chance.chance(0.5) ? this.#names : this.#durableNames;
    for (const [path, content] of names) left[path] = content.crashed(chance);
    return SimulatedDisk.with(left);
  }
}

class Content {
  current: Uint8Array<ArrayBuffer>;
  size: number;
  #durable: Uint8Array;
  readonly #unsynced = new Set<number>();

  /** With bytes that are durable. */
  constructor(bytes: Uint8Array) {
    this.current = new Uint8Array(bytes);
    this.size = bytes.length;
    this.#durable = bytes;
  }

  write(bytes: Uint8Array, position: number): void {
    const end = position + bytes.length;
    if (end > this.current.length) {
      const wider = new Uint8Array(Math.max(end, 2 * this.current.length, 1 << 14));
      wider.set(this.current);
      this.current = wider;
    }
    this.current.set(bytes, position);
    this.size = Math.max(this.size, end);
    for (let s = Math.floor(position / SECTOR_BYTES); s * SECTOR_BYTES < end; s++) this.#unsynced.add(s);
  }

  sync(): void {
    this.#durable = this.current.slice(0, this.size);
    this.#unsynced.clear();
  }

  crashed(chance: Chance): Uint8Array {
    // Mostly any subset; now and then nearly all or nearly none, which leave what is missing alone.
    const survival = chance.chance(0.3) ? (chance.chance(0.5) ? 0.95 : 0.05) : 0.5;
    return this.#merged(() => chance.chance(survival));
  }

  #merged(survives: () => boolean): Uint8Array<ArrayBuffer> {
    let size = this.#durable.length;
    const surviving = [...this.#unsynced].filter(() => survives());
    for (const s of surviving) size = Math.max(size, Math.min(this.size, (s + 1) * SECTOR_BYTES));
    const bytes = new Uint8Array(size);
    bytes.set(this.#durable);
    for (const s of surviving) {
      bytes.set(
        this.current.subarray(s * SECTOR_BYTES, Math.min(size, (s + 1) * SECTOR_BYTES)),
        s * SECTOR_BYTES,
      );
    }
    return bytes;
  }
}

class SimulatedFile implements File {
  readonly path: string;
  readonly descriptor = undefined;
  readonly #content: Content;
  readonly #onEvent: (event: DiskEvent) => void;

  constructor(path: string, content: Content, onEvent: (event: DiskEvent) => void) {
    this.path = path;
    this.#content = content;
    this.#onEvent = onEvent;
  }

  async size(): Promise<number> {
    return this.#content.size;
  }

  readSync(target: Uint8Array, position: number): number {
    const { current, size } = this.#content;
    const piece = current.subarray(Math.min(position, size), Math.min(position + target.length, size));
    target.set(piece);
    return piece.length;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    return this.readSync(target, position);
  }

  async write(parts: readonly Uint8Array[], position: number): Promise<void> {
    this.#onEvent("write");
    let at = position;
    for (const part of parts) {
      this.#content.write(part, at);
      at += part.length;
    }
  }

  async sync(): Promise<void> {
    this.#onEvent("sync");
    this.#content.sync();
  }

  async close(): Promise<void> {}
}
