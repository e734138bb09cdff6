import type { FileMemory } from "@quorate/bbolt";
import type { Random } from "./random.ts";

/** What a disk writes wholly or not at all. */
const SECTOR_BYTES = 512;
/** What is allocated at a time. */
const BLOCK_BYTES = 4096;

/** Sparse contents: blocks never written read as zeros and occupy nothing. */
class Blocks {
  size = 0;
  readonly #blocks = new Map<number, Uint8Array<ArrayBuffer>>();

  get allocatedBytes(): number {
    return this.#blocks.size * BLOCK_BYTES;
  }

  /** The bytes of a block where they are: they change with it, as long as the file is not cut or lost. */
  block(block: number): Uint8Array<ArrayBuffer> {
    let bytes = this.#blocks.get(block);
    if (bytes === undefined) {
      bytes = new Uint8Array(BLOCK_BYTES);
      this.#blocks.set(block, bytes);
    }
    return bytes;
  }

  has(block: number): boolean {
    return this.#blocks.has(block);
  }

  /** Does not change the size. */
  write(bytes: Uint8Array, position: number): void {
    for (let done = 0; done < bytes.length; ) {
      const at = position + done;
      const block = Math.floor(at / BLOCK_BYTES);
      const offset = at % BLOCK_BYTES;
      const count = Math.min(BLOCK_BYTES - offset, bytes.length - done);
      this.block(block).set(bytes.subarray(done, done + count), offset);
      done += count;
    }
  }

  read(target: Uint8Array, position: number): number {
    const length = Math.max(0, Math.min(target.length, this.size - position));
    for (let done = 0; done < length; ) {
      const at = position + done;
      const offset = at % BLOCK_BYTES;
      const count = Math.min(BLOCK_BYTES - offset, length - done);
      const source = this.#blocks.get(Math.floor(at / BLOCK_BYTES));
      if (source === undefined) target.fill(0, done, done + count);
      else target.set(source.subarray(offset, offset + count), done);
      done += count;
    }
    return length;
  }

  truncate(size: number): void {
    if (size < this.size) {
      for (const [block, bytes] of this.#blocks) {
        const start = block * BLOCK_BYTES;
        if (start >= size) this.#blocks.delete(block);
        else if (start + BLOCK_BYTES > size) bytes.fill(0, size - start);
      }
    }
    this.size = size;
  }

  copyFrom(other: Blocks): void {
    this.#blocks.clear();
    for (const [block, bytes] of other.#blocks) this.#blocks.set(block, bytes.slice());
    this.size = other.size;
  }
}

/** A change of a file that is not known to be on the medium. */
interface Change {
  readonly id: number;
  /** undefined: the size is set to `position`. */
  readonly bytes: Uint8Array | undefined;
  readonly position: number;
}

/** Whether a change is of the byte at `position`, be it that the file ends before it. */
function isAt(change: Change, position: number): boolean {
  if (change.bytes === undefined) return change.position <= position;
  return change.position <= position && position < change.position + change.bytes.length;
}

/** Bytes of a file, `end` excluded. */
interface Range {
  readonly start: number;
  readonly end: number;
}

export class FileNode {
  readonly #underWay = new Set<Range>();
  readonly #current = new Blocks();
  readonly #durable = new Blocks();
  #pending: Change[] = [];
  #lastId = 0;
  /** A byte of what is durable that is not as it was written. */
  #rot: { readonly position: number } | undefined;

  get size(): number {
    return this.#current.size;
  }

  get allocatedBytes(): number {
    return this.#current.allocatedBytes;
  }

  /** How many bytes a write would allocate. */
  growth(length: number, position: number): number {
    let bytes = 0;
    const last = Math.floor((position + length - 1) / BLOCK_BYTES);
    for (let block = Math.floor(position / BLOCK_BYTES); block <= last; block++) {
      if (!this.#current.has(block)) bytes += BLOCK_BYTES;
    }
    return bytes;
  }

  read(target: Uint8Array, position: number): number {
    return this.#current.read(target, position);
  }

  /** What a process sees that has mapped the file, until the power fails. */
  readonly memory: FileMemory = {
    windowBytes: BLOCK_BYTES,
    window: (index) => this.#current.block(index),
  };

  /** Copies `bytes`; returns a mark for `sync`. */
  write(bytes: Uint8Array, position: number): number {
    const copy = bytes.slice();
    this.#current.write(copy, position);
    this.#current.size = Math.max(this.#current.size, position + copy.length);
    return this.#remember(copy, position);
  }

  /** Throws when another write of these bytes is under way: a real disk may do the two in either order. */
  beginWrite(range: Range): void {
    for (const other of this.#underWay) {
      if (range.start < other.end && other.start < range.end) {
        throw new Error(`writes overlap: ${range.start}-${range.end} and ${other.start}-${other.end}`);
      }
    }
    this.#underWay.add(range);
  }

  endWrite(range: Range): void {
    this.#underWay.delete(range);
  }

  truncate(size: number): void {
    this.#current.truncate(size);
    this.#remember(undefined, size);
  }

  /** For `sync`: everything up to now. */
  mark(): number {
    return this.#lastId;
  }

  /** Changes up to `mark` reach the medium. */
  sync(mark = this.#lastId): void {
    const count = this.#pending.findLastIndex((change) => change.id <= mark) + 1;
    for (const change of this.#pending.splice(0, count)) {
      const { bytes, position } = change;
      if (this.#rot !== undefined && isAt(change, this.#rot.position)) this.#rot = undefined;
      if (bytes === undefined) {
        this.#durable.truncate(position);
      } else {
        this.#durable.write(bytes, position);
        this.#durable.size = Math.max(this.#durable.size, position + bytes.length);
      }
    }
  }

  /** As `SimulatedDisk.rot`. */
  rot(random: Random): (() => boolean) | undefined {
    if (this.#durable.size === 0) return undefined;
    const position = random.below(this.#durable.size);
    const byte = new Uint8Array(1);
    this.#durable.read(byte, position);
    const good = byte.slice();
    byte[0]! ^= 1 << random.below(8);
    this.#durable.write(byte, position);
    const rot = { position };
    this.#rot = rot;
    return () => {
      if (this.#rot !== rot) return false;
      this.#rot = undefined;
      this.#durable.write(good, position);
      // What a crash has shown, and nobody has written over.
      const seen = new Uint8Array(1);
      this.#current.read(seen, position);
      if (seen[0] === byte[0] && !this.#pending.some((change) => isAt(change, position)))
        this.#current.write(good, position);
      return true;
    };
  }

  /** A sync failed: the kernel still shows what was written, and does not try again to write it. */
  loseSomeWrites(random: Random): void {
    this.#settle(random);
  }

  crash(random: Random): void {
    this.#underWay.clear();
    this.#settle(random);
    this.#current.copyFrom(this.#durable);
  }

  /** Lets chance decide, sector by sector, what of the pending changes reaches the medium. */
  #settle(random: Random): void {
    for (const { bytes, position } of this.#pending.splice(0)) {
      if (bytes === undefined) {
        if (random.below(2) === 0) this.#durable.truncate(position);
        continue;
      }
      if (position + bytes.length > this.#durable.size && random.below(2) === 0) {
        this.#durable.size = position + bytes.length;
      }
      // Nothing, everything and in between are equally worth trying.
      const chance = random.below(5);
      for (let done = 0; done < bytes.length; ) {
        const at = position + done;
        const count = Math.min(SECTOR_BYTES - (at % SECTOR_BYTES), bytes.length - done);
        if (random.below(4) < chance && at < this.#durable.size) {
          const visible = Math.min(count, this.#durable.size - at);
          const rot = this.#rot?.position ?? -1;
          if (rot >= at && rot < at + visible) this.#rot = undefined;
          this.#durable.write(bytes.subarray(done, done + visible), at);
        }
        done += count;
      }
    }
  }

  #remember(bytes: Uint8Array | undefined, position: number): number {
    this.#pending.push({ id: ++this.#lastId, bytes, position });
    return this.#lastId;
  }
}

type Node = DirectoryNode | FileNode;
type Names = Map<string, Node>;

/** Changes of names reach the medium in order, and not before the directory is synced. */
export class DirectoryNode {
  #durable: Names = new Map();
  #current: Names = new Map();
  #pending: ((names: Names) => void)[] = [];

  get(name: string): Node | undefined {
    return this.#current.get(name);
  }

  names(): string[] {
    return [...this.#current.keys()];
  }

  set(name: string, node: Node | undefined): void {
    this.#change((names) => {
      if (node === undefined) names.delete(name);
      else names.set(name, node);
    });
  }

  rename(from: string, to: string): void {
    const node = this.#current.get(from);
    if (node === undefined) return;
    this.#change((names) => {
      names.delete(from);
      names.set(to, node);
    });
  }

  sync(): void {
    this.#pending = [];
    this.#durable = new Map(this.#current);
  }

  bytes(): number {
    let sum = 0;
    for (const node of this.#current.values()) {
      sum += node instanceof DirectoryNode ? node.bytes() : node.allocatedBytes;
    }
    return sum;
  }

  crash(random: Random): void {
    const kept = random.below(this.#pending.length + 1);
    for (const change of this.#pending.slice(0, kept)) change(this.#durable);
    this.#pending = [];
    this.#current = new Map(this.#durable);
    for (const node of this.#current.values()) node.crash(random);
  }

  #change(change: (names: Names) => void): void {
    change(this.#current);
    this.#pending.push(change);
  }
}
