import type { Event } from "@quorate/wire/messages";

/** Of so many prefixes what happens is told apart; further ones count as others. */
const MOST_PREFIXES = 10_000;
/** How what lies beyond is called: no prefix, since that ends with the separator, or is a key. */
const OTHERS = "(others)";

export interface HotPrefix {
  /** A character a byte. */
  readonly name: string;
  /** Changes since the last look, and the bytes of their keys and values. */
  readonly changes: number;
  readonly bytes: number;
  /** Changes since the beginning. */
  readonly total: number;
}

/** Counts changes by the first parts of their keys. */
export class HotPrefixes {
  readonly #separator: string;
  readonly #depth: number;
  #counts = new Map<string, { changes: number; bytes: number; total: number }>();

  /** `depth` parts, each with its separator, make a prefix. */
  constructor(separator: string, depth: number) {
    this.#separator = Buffer.from(separator).toString("latin1");
    this.#depth = depth;
  }

  add({ kv }: Event): void {
    if (kv === undefined) return;
    const name = this.#prefixOf(Buffer.from(kv.key).toString("latin1"));
    const known = this.#counts.has(name) || this.#counts.size < MOST_PREFIXES ? name : OTHERS;
    const count = this.#counts.get(known) ?? { changes: 0, bytes: 0, total: 0 };
    count.changes++;
    count.total++;
    count.bytes += kv.key.length + kv.value.length;
    this.#counts.set(known, count);
  }

  /** Those with most changes since the last call first. */
  take(): HotPrefix[] {
    const taken = [...this.#counts].map(([name, count]) => ({ name, ...count }));
    for (const count of this.#counts.values()) {
      count.changes = 0;
      count.bytes = 0;
    }
    return taken.sort((a, b) => b.changes - a.changes || b.total - a.total || (a.name < b.name ? -1 : 1));
  }

  #prefixOf(key: string): string {
    if (this.#separator === "") return key;
    let end = 0;
    for (let part = 0; part < this.#depth; ) {
      const at = key.indexOf(this.#separator, end);
      if (at < 0) return key;
      // A separator at the beginning makes no part: `/a/b` is below `/a/`.
      if (at > 0) part++;
      end = at + this.#separator.length;
    }
    return key.slice(0, end);
  }
}
