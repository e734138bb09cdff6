/** One of so many puts is looked at, on average. */
const PUTS_FOR_ONE = 64;
const SHORTEST_GAP = PUTS_FOR_ONE / 2;
/** Prefixes that are told apart. */
const MAX_PREFIXES = 48;
const MAX_PREFIX_BYTES = 64;
/** Of a key without any separator. */
const PLAIN_PREFIX_BYTES = 8;
const SLASH = 0x2f;
const DOT = 0x2e;

/** Some keys, and about how much has lately been put to them. */
export interface PutPrefix {
  readonly prefix: Uint8Array;
  /** Keys and values, reckoned from the sample. */
  readonly bytes: number;
}

/**
 * Which prefixes most of the bytes belong to that are put: a sample of a few puts, in a table of a fixed size (the
 * space-saving algorithm: a prefix that is new to a full table takes the place of the least, and its bytes, so that none of
 * those that have most is missed). A member's own matter, and no part of its state, but the same wherever the same is applied.
 */
export class PutSample {
  /** Puts until the next that is to be taken: whoever puts counts it down, and calls `take` at 0. */
  untilNext = PUTS_FOR_ONE;
  /** Prefixes as latin1, which keeps every byte; the bytes of theirs that were sampled. */
  readonly #bytesOf = new Map<string, number>();
  #state = 1;

  /** Cold: for one put of many. `key` is borrowed. */
  take(key: Uint8Array, valueBytes: number): void {
    this.untilNext = this.#nextGap();
    const prefix = latin1(key, prefixLength(key));
    const bytes = key.length + valueBytes;
    const known = this.#bytesOf.get(prefix);
    if (known !== undefined || this.#bytesOf.size < MAX_PREFIXES) {
      this.#bytesOf.set(prefix, (known ?? 0) + bytes);
      return;
    }
    let least = "";
    let leastBytes = Number.POSITIVE_INFINITY;
    for (const [each, itsBytes] of this.#bytesOf) {
      if (itsBytes >= leastBytes) continue;
      least = each;
      leastBytes = itsBytes;
    }
    this.#bytesOf.delete(least);
    this.#bytesOf.set(prefix, leastBytes + bytes);
  }

  /** Half of what was put until now is forgotten: called in equal intervals, what is recent weighs most. */
  halve(): void {
    for (const [prefix, bytes] of this.#bytesOf) {
      if (bytes < 2) this.#bytesOf.delete(prefix);
      else this.#bytesOf.set(prefix, bytes / 2);
    }
  }

  /** Those with the most bytes, the largest first. */
  largest(count: number): PutPrefix[] {
    return [...this.#bytesOf]
      .toSorted(([, a], [, b]) => b - a)
      .slice(0, count)
      .map(([prefix, bytes]) => ({
        prefix: Buffer.from(prefix, "latin1"),
        bytes: Math.round(bytes * PUTS_FOR_ONE),
      }));
  }

  /** Gaps of equal length would always meet the same operation of transactions that are alike. */
  #nextGap(): number {
    this.#state = (Math.imul(this.#state, 1_103_515_245) + 12_345) >>> 0;
    return SHORTEST_GAP + ((this.#state >>> 16) % (PUTS_FOR_ONE + 1));
  }
}

/** Up to the last slash, else up to the last dot; of a long key what its beginning has of them. */
function prefixLength(key: Uint8Array): number {
  const most = Math.min(key.length, MAX_PREFIX_BYTES);
  let afterDot = 0;
  for (let i = most - 1; i >= 0; i--) {
    if (key[i] === SLASH) return i + 1;
    if (key[i] === DOT && afterDot === 0) afterDot = i + 1;
  }
  return afterDot > 0 ? afterDot : Math.min(key.length, PLAIN_PREFIX_BYTES);
}

function latin1(bytes: Uint8Array, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, length).toString("latin1");
}
