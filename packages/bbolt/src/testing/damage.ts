import type { SeededRandom } from "@quorate/testkit/random";
import { decodeMeta, encodeMeta, META_BYTES, type Meta } from "../format/meta.ts";
import { PAGE_BRANCH, PAGE_LEAF, writeNumber } from "../format/page.ts";

/** A file, or what is left of it, and what is known of the sound one. */
class DamagedFile {
  bytes: Uint8Array<ArrayBuffer>;
  readonly pageBytes: number;
  readonly random: SeededRandom;

  constructor(sound: Uint8Array, pageBytes: number, random: SeededRandom) {
    this.bytes = new Uint8Array(sound);
    this.pageBytes = pageBytes;
    this.random = random;
  }

  get view(): DataView {
    return new DataView(this.bytes.buffer);
  }

  get pages(): number {
    return Math.floor(this.bytes.length / this.pageBytes);
  }

  /** Where a page begins: one with these flags, if one is found at once. */
  pageWith(flags: number): number {
    for (let i = 0; i < 20; i++) {
      const at = this.random.below(this.pages) * this.pageBytes;
      if (this.view.getUint16(at + 8, true) === flags) return at;
    }
    return this.random.below(this.pages) * this.pageBytes;
  }

  treePage(): number {
    return this.pageWith(this.random.chance(0.5) ? PAGE_LEAF : PAGE_BRANCH);
  }

  /** Where an element of a page begins that has some. */
  elementOf(at: number): number {
    const count = this.view.getUint16(at + 10, true);
    const index = this.random.chance(0.9) ? this.random.below(Math.max(1, count)) : this.random.below(9);
    return Math.min(at + 16 + index * 16, this.bytes.length - 16);
  }

  /** Writes 32 bits that lie in the file. */
  set32(at: number, value: number): void {
    if (at >= 0 && at + 4 <= this.bytes.length) this.view.setUint32(at, value, true);
  }

  set64(at: number, value: number): void {
    if (at >= 0 && at + 8 <= this.bytes.length) writeNumber(this.view, at, value);
  }

  pageNumber(): number {
    return this.random.weighted<number>([
      [10, this.random.below(this.pages + 1)],
      [1, this.random.below(4)],
      [1, 2 ** 32 + this.random.below(this.pages)],
      [1, 2 ** 53],
    ]);
  }

  oddNumber(): number {
    return this.random.pick([
      0,
      1,
      2,
      16,
      255,
      4095,
      this.pageBytes,
      65_535,
      2 ** 31,
      2 ** 32 - 1,
      2 ** 32 - 16,
      this.random.below(200),
      this.random.below(this.pageBytes),
    ]);
  }
}

/** Ways in which a file is damaged. All leave at least its first page. */
export const DAMAGES = {
  "a flipped bit": (file) => {
    file.bytes[file.random.below(file.bytes.length)]! ^= 1 << file.random.below(8);
  },
  "a flipped bit in a header or an element": (file) => {
    const at = file.treePage() + file.random.below(16 * file.random.between(1, 12));
    if (at < file.bytes.length) file.bytes[at]! ^= 1 << file.random.below(8);
  },
  "a number in a header": (file) => {
    const at = file.random.below(file.pages) * file.pageBytes;
    file.view.setUint16(at + file.random.pick([8, 10, 12, 14]), file.oddNumber(), true);
  },
  "a number in an element": (file) => {
    file.set32(file.elementOf(file.treePage()) + file.random.below(4) * 4, file.oddNumber());
  },
  "a number that is off by a little": (file) => {
    const at = file.elementOf(file.treePage()) + file.random.below(4) * 4;
    file.set32(at, (file.view.getUint32(at, true) + file.random.between(-20, 20)) >>> 0);
  },
  "another child, in circles or twice": (file) => {
    file.set64(file.elementOf(file.pageWith(PAGE_BRANCH)) + 8, file.pageNumber());
  },
  "a bucket with another root, in circles or twice": (file) => {
    const element = bucketElement(file);
    if (element === undefined) return;
    const { view } = file;
    file.set64(
      element + view.getUint32(element + 4, true) + view.getUint32(element + 8, true),
      file.pageNumber(),
    );
  },
  "a number in an inline bucket": (file) => {
    const element = bucketElement(file);
    if (element === undefined) return;
    const { view } = file;
    const start = element + view.getUint32(element + 4, true) + view.getUint32(element + 8, true);
    file.set32(start + 4 * file.random.below(24), file.oddNumber());
  },
  "an element that becomes a bucket or a value": (file) => {
    file.set32(file.elementOf(file.pageWith(PAGE_LEAF)), file.random.below(3));
  },
  "two elements in each other's place": (file) => {
    const page = file.treePage();
    const [a, b] = [file.elementOf(page), file.elementOf(page)];
    const before = file.bytes.slice(a, a + 16);
    file.bytes.copyWithin(a, b, b + 16);
    file.bytes.set(before, b);
  },
  "a run that leads into other pages": (file) => {
    file.set32(file.treePage() + 12, file.random.pick([1, 2, 3, file.pages, 2 ** 20, 2 ** 31, 2 ** 32 - 1]));
  },
  "a page over another one": (file) => {
    const [from, to] = [file.random.below(file.pages), file.random.below(file.pages)];
    file.bytes.copyWithin(to * file.pageBytes, from * file.pageBytes, (from + 1) * file.pageBytes);
    if (file.random.chance(0.7)) file.set64(to * file.pageBytes, to);
  },
  "a page of zeros": (file) => {
    const at = file.random.below(file.pages) * file.pageBytes;
    file.bytes.fill(0, at, at + file.pageBytes);
  },
  "a page that was not written to its end": (file) => {
    const at = file.random.below(file.pages) * file.pageBytes;
    const other = file.random.below(file.pages) * file.pageBytes;
    const sectors = file.random.between(1, file.pageBytes / 512);
    file.bytes.copyWithin(at + 512 * (sectors - 1), other + 512 * (sectors - 1), other + file.pageBytes);
  },
  noise: (file) => {
    const noise = file.random.bytes(file.random.between(1, 40));
    file.bytes.set(noise, file.random.below(file.bytes.length - noise.length));
  },
  "a file that is cut short": (file) => {
    const length = file.random.chance(0.5)
      ? file.random.below(file.pages) * file.pageBytes
      : file.random.below(file.bytes.length);
    file.bytes = file.bytes.slice(0, Math.max(length, Math.min(file.bytes.length, file.pageBytes)));
  },
  "something behind its end": (file) => {
    const longer = new Uint8Array(file.bytes.length + file.random.below(3 * file.pageBytes));
    longer.set(file.bytes);
    file.bytes = longer;
  },
  "a meta that lies": (file) => lieInMeta(file),
  "a meta that is gone": (file) => {
    const at = file.random.below(2) * file.pageBytes + file.random.between(16, META_BYTES - 1);
    if (at < file.bytes.length) file.bytes[at]! ^= 1 << file.random.below(8);
  },
  "a list of free pages that lies": (file) => lieInFreelist(file),
} satisfies Record<string, (file: DamagedFile) => void>;

/** A copy of a file, and how it was damaged: in one to three ways. */
export function damaged(
  sound: Uint8Array,
  pageBytes: number,
  random: SeededRandom,
): { bytes: Uint8Array<ArrayBuffer>; how: string[] } {
  const file = new DamagedFile(sound, pageBytes, random);
  const how: string[] = [];
  for (let i = random.pick([1, 1, 2, 3]); i > 0 && file.pages > 1; i--) {
    const name = random.pick(Object.keys(DAMAGES) as (keyof typeof DAMAGES)[]);
    DAMAGES[name](file);
    how.push(name);
  }
  return { bytes: file.bytes, how };
}

function bucketElement(file: DamagedFile): number | undefined {
  for (let i = 0; i < 20; i++) {
    const element = file.elementOf(file.pageWith(PAGE_LEAF));
    if (file.view.getUint32(element, true) === 1) return element;
  }
  return undefined;
}

function metasOf(file: DamagedFile): [slot: number, meta: Meta][] {
  return [0, 1].flatMap((slot): [number, Meta][] => {
    const at = slot * file.pageBytes;
    const meta = decodeMeta(file.bytes.subarray(at, at + META_BYTES));
    return typeof meta === "string" ? [] : [[slot, meta]];
  });
}

/** A meta whose checksum is right, and what it says is not; the other one may be gone. */
function lieInMeta(file: DamagedFile): void {
  const { random, bytes, pageBytes } = file;
  for (const [slot, meta] of metasOf(file)) {
    const lie = random.pick<Partial<Meta>>([
      { root: random.below(meta.highWater + 2) },
      { highWater: random.pick([3, meta.highWater - 1, meta.highWater + 1, file.pages, 2 ** 40, 2 ** 60]) },
      { freelist: random.below(meta.highWater + 2) },
      { freelist: undefined },
      { pageBytes: random.pick([0, 512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072, 3000]) },
      { txId: random.pick([0, meta.txId + 1, meta.txId + 2, 2 ** 52, 2 ** 60]) },
      { sequence: 2n ** 64n - 1n },
    ]);
    const encoded = encodeMeta({ ...meta, ...lie });
    // Its slot follows from the transaction, but here it stays.
    bytes.set(encoded.subarray(16), slot * pageBytes + 16);
    if (random.chance(0.3)) bytes.fill(0, (1 - slot) * pageBytes, (1 - slot) * pageBytes + META_BYTES);
  }
}

/** Wrong counts, pages in use, twice, out of order or out of the file; or a list where a page of a tree is. */
function lieInFreelist(file: DamagedFile): void {
  const { random } = file;
  for (const [slot, meta] of metasOf(file)) {
    const page = meta.freelist ?? random.below(file.pages);
    const at = page * file.pageBytes;
    if (at + file.pageBytes > file.bytes.length) continue;
    if (meta.freelist === undefined) {
      file.bytes.set(encodeMeta({ ...meta, freelist: page }).subarray(16), slot * file.pageBytes + 16);
    }
    if (random.chance(0.3)) file.view.setUint16(at + 8, 0x10, true);
    if (random.chance(0.3)) file.view.setUint16(at + 10, file.oddNumber(), true);
    if (random.chance(0.1)) {
      file.view.setUint16(at + 10, 0xffff, true);
      file.set64(at + 16, random.pick([0, 3, file.pageBytes, 2 ** 31, 2 ** 40, 2 ** 60]));
    }
    if (random.chance(0.1)) file.set32(at + 12, file.oddNumber());
    for (let i = random.below(4); i > 0; i--) file.set64(at + 16 + 8 * random.below(8), file.pageNumber());
  }
}
