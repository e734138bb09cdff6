import type {
  KeyValue,
  PutRequest,
  RangeRequest,
  RangeResponse,
  ResponseHeader,
} from "@quorate/wire/messages";

/** A write of one key, and the revision that it made. */
export interface Change {
  readonly revision: bigint;
  /** undefined: the key was deleted. */
  readonly put: PutRequest | undefined;
}

/**
 * A key that nobody else writes before this proxy has given it up, so what is known of it is what it is. Writes of the proxy's
 * own clients are told of at their beginning and at their end; in between it is not known.
 */
export class OwnedKey {
  readonly key: Uint8Array;
  /** At which its leasing key was created. */
  readonly leasingRevision: bigint;
  #kv: KeyValue | undefined;
  /** The state is that of this revision or a later one. */
  #revision: bigint;
  #writes = 0;
  #changes: Change[] = [];

  constructor(key: Uint8Array, leasingRevision: bigint, kv: KeyValue | undefined, revision: bigint) {
    this.key = key;
    this.leasingRevision = leasingRevision;
    this.#kv = kv;
    this.#revision = revision;
  }

  get isKnown(): boolean {
    return this.#writes === 0;
  }

  get kv(): KeyValue | undefined {
    return this.#kv;
  }

  /** Memory, about: octets. */
  get bytes(): number {
    return FIXED_BYTES + 2 * this.key.length + (this.#kv?.value.length ?? 0);
  }

  beginWrite(): void {
    this.#writes++;
  }

  /** Without a change it is known that there was none. */
  endWrite(change?: Change): void {
    if (change !== undefined) this.#changes.push(change);
    if (--this.#writes > 0) return;
    // Answers may have come in another order than that of the writes.
    this.#changes.sort((a, b) => Number(a.revision - b.revision));
    for (const each of this.#changes) this.#apply(each);
    this.#changes = [];
  }

  #apply({ revision, put }: Change): void {
    if (revision <= this.#revision) return;
    this.#revision = revision;
    if (put === undefined) {
      this.#kv = undefined;
      return;
    }
    const { key, lease } = put;
    const before = this.#kv;
    this.#kv = {
      key,
      createRevision: before?.createRevision ?? revision,
      modRevision: revision,
      version: (before?.version ?? 0n) + 1n,
      value: put.ignoreValue && before !== undefined ? before.value : put.value,
      lease: put.ignoreLease && before !== undefined ? before.lease : lease,
    };
  }
}

const FIXED_BYTES = 256;

/** The answer to a read of one key as it is now. */
export function answerOf(
  kv: KeyValue | undefined,
  { keysOnly, countOnly }: RangeRequest,
  header: ResponseHeader | undefined,
): RangeResponse {
  const count = kv === undefined ? 0n : 1n;
  if (kv === undefined || countOnly) return { header, kvs: [], more: false, count };
  return { header, kvs: [keysOnly ? { ...kv, value: NOTHING } : kv], more: false, count };
}

const NOTHING = new Uint8Array(0);
