import type { Disk, File } from "../disk/disk.ts";

const SECTOR_BYTES = 512;

/** What a simulated disk draws from. */
export interface Chance {
  chance(probability: number): boolean;
}

/** A name made, renamed or removed; written bytes; a sync. */
export type DiskEvent = "open" | "rename" | "write" | "sync" | "syncDirectory";

/** Thrown by `onEvent`: the process is killed at this operation, and of a write so much is done, a part of 1. */
export class ProcessKilled extends Error {
  readonly writtenPart: number;

  constructor(writtenPart: number) {
    super("the process is killed");
    this.name = "ProcessKilled";
    this.writtenPart = writtenPart;
  }
}

/**
 * A disk in memory. `crashed` tells what a loss of power at this moment leaves: of everything that has not been synced, any
 * part. `afterKill` tells what the death of the process leaves: everything, as the kernel still has it, and no more of it durable.
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

  /** The same disk for the next process. */
  afterKill(): SimulatedDisk {
    const disk = new SimulatedDisk();
    disk.#names = new Map(this.#names);
    disk.#durableNames = new Map(this.#durableNames);
    return disk;
  }

  /**
   * What is left after a loss of power: each sector that was not synced is as it was at the last sync or after any write since
   * then, and bytes that the file has grown by may be zeros.
   */
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
  /** Of each sector that was written since the last sync: what it was after every write but the last one. */
  readonly #unsynced = new Map<number, Uint8Array[]>();

  /** With bytes that are durable. */
  constructor(bytes: Uint8Array) {
    this.current = new Uint8Array(bytes);
    this.size = bytes.length;
    this.#durable = bytes;
  }

  write(bytes: Uint8Array, position: number): void {
    if (bytes.length === 0) return;
    const end = position + bytes.length;
    for (let s = Math.floor(position / SECTOR_BYTES); s * SECTOR_BYTES < end; s++) {
      const versions = this.#unsynced.get(s);
      if (versions === undefined) this.#unsynced.set(s, []);
      else versions.push(this.#sector(s).slice());
    }
    if (end > this.current.length) {
      const wider = new Uint8Array(Math.max(end, 2 * this.current.length, 1 << 14));
      wider.set(this.current);
      this.current = wider;
    }
    this.current.set(bytes, position);
    this.size = Math.max(this.size, end);
  }

  sync(): void {
    this.#durable = this.current.slice(0, this.size);
    this.#unsynced.clear();
  }

  crashed(chance: Chance): Uint8Array {
    // Mostly any subset; now and then nearly all or nearly none, or but one, which leave what is missing alone.
    const survival = chance.chance(0.3) ? (chance.chance(0.5) ? 0.95 : 0.05) : 0.5;
    const alone = chance.chance(0.15) ? below(chance, this.#unsynced.size) : -1;
    const isLost = chance.chance(0.5);
    const surviving: [position: number, bytes: Uint8Array][] = [];
    let index = 0;
    for (const [s, versions] of this.#unsynced) {
      const survives = alone < 0 ? chance.chance(survival) : (index === alone) !== isLost;
      index++;
      if (!survives) continue;
      const older = versions.length > 0 && chance.chance(0.3);
      surviving.push([s * SECTOR_BYTES, older ? versions[below(chance, versions.length)]! : this.#sector(s)]);
    }
    let size = chance.chance(0.1) ? this.size : this.#durable.length;
    for (const [position, { length }] of surviving) size = Math.max(size, position + length);
    const bytes = new Uint8Array(size);
    bytes.set(this.#durable);
    for (const [position, sector] of surviving) bytes.set(sector, position);
    return bytes;
  }

  #sector(s: number): Uint8Array {
    return this.current.subarray(s * SECTOR_BYTES, Math.min(this.size, (s + 1) * SECTOR_BYTES));
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
    let at = position;
    try {
      this.#onEvent("write");
    } catch (error) {
      if (error instanceof ProcessKilled) {
        // The kernel copies a sector or does not.
        const all = Buffer.concat(parts);
        const end = position + all.length * error.writtenPart;
        const wholeEnd = Math.floor(end / SECTOR_BYTES) * SECTOR_BYTES;
        this.#content.write(all.subarray(0, Math.max(0, wholeEnd - position)), position);
      }
      throw error;
    }
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

/** An integer in [0, limit), about as likely as any other; 0 when there is none. */
function below(chance: Chance, limit: number): number {
  let number = 0;
  for (let half = 1; half < limit; half *= 2) number += chance.chance(0.5) ? half : 0;
  return number < limit ? number : number - limit;
}
