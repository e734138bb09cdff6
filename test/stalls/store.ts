/** What lies in the member, and how it gets there: in large transactions, several at once. */
import type { GrpcClient } from "@quorate/rpc/client";
import { Code, GrpcError } from "@quorate/rpc/status";
import { decode } from "@quorate/wire";
import {
  LeaseTimeToLiveResponseSchema,
  RangeResponseSchema,
  TxnResponseSchema,
} from "@quorate/wire/etcdserverpb";
import { binaryOf, type Fields, methodOf } from "./requests.ts";
import { LARGE_VALUE_BYTES, type Sizes } from "./sizes.ts";

export const LEASE = 7n;
const FIRST_OTHER_LEASE = 1_000n;
const LEASE_SECONDS = 1_000_000;
const PUTS_PER_TXN = 5_000;
const LARGE_AT_ONCE = 4;
const TXNS_AT_ONCE = 4;
const GRANTS_AT_ONCE = 500;
/** More than a member lets come between two snapshots of its log, and what it keeps of it behind the last one. */
const DISPLACED = 40_000;
const DISPLACED_AT_ONCE = 200;
/** A put or a grant that a member has no time for. */
const TRIES = 5;
const CALL_MS = 120_000;

/** All keys with the prefix `letter/`, as fields of a request. */
export function allOf(letter: string): { key: Uint8Array; rangeEnd: Uint8Array } {
  return { key: Buffer.from(`${letter}/`), rangeEnd: Buffer.from(`${letter}0`) };
}

export const EVERYTHING = { key: Buffer.from([0]), rangeEnd: Buffer.from([0]) };

export function keyOf(letter: string, number: number): Buffer {
  return Buffer.from(`${letter}/${String(number).padStart(8, "0")}`);
}

/** A put in a transaction. */
export function putOf(letter: string, number: number, value: string, lease = 0n): Fields {
  const put = { key: keyOf(letter, number), value: Buffer.from(value), lease };
  return { request: { case: "requestPut", value: put } };
}

/**
 * Keys by the letter they begin with: `s` small ones, `v` with large values, `l` of the lease with many keys. Methods
 * bring back what shapes have deleted, or make history.
 */
export class Store {
  readonly sizes: Sizes;
  readonly #client: GrpcClient;
  /** The revision in which everything was there for the first time. */
  filledRevision = 0;
  /** The newest one when history was made last. */
  latestRevision = 0;

  constructor(client: GrpcClient, sizes: Sizes) {
    this.#client = client;
    this.sizes = sizes;
  }

  async fill(): Promise<void> {
    await this.#leases();
    await this.#puts("s", this.sizes.smallKeys, 0n);
    await this.putLarge();
    await this.putLeased();
    this.filledRevision = await this.revision();
    await this.rewrite();
  }

  async revision(): Promise<number> {
    const answer = await this.call("KV/Range", { key: Buffer.from("beside"), countOnly: true });
    return Number(decode(RangeResponseSchema, answer).header!.revision);
  }

  async countOf(letter: string): Promise<number> {
    const answer = await this.call("KV/Range", { ...allOf(letter), countOnly: true });
    return Number(decode(RangeResponseSchema, answer).count);
  }

  async putLarge(): Promise<void> {
    const value = Buffer.alloc(LARGE_VALUE_BYTES, 0x5a);
    await atOnce(LARGE_AT_ONCE, this.sizes.largeKeys, async (number) => {
      await this.call("KV/Put", { key: keyOf("v", number), value });
    });
  }

  /** Grants the lease if it has been revoked, and attaches all its keys to it. */
  async putLeased(): Promise<void> {
    const leases = await this.call("Lease/LeaseTimeToLive", { ID: LEASE });
    if (decode(LeaseTimeToLiveResponseSchema, leases).TTL <= 0n) await this.#grant(LEASE);
    await this.#puts("l", this.sizes.leasedKeys, LEASE);
  }

  /** Makes history: a fifth of the small keys gets new values. */
  async rewrite(): Promise<void> {
    await this.#puts("s", Math.floor(this.sizes.smallKeys / 5), 0n);
    this.latestRevision = await this.revision();
  }

  /** As after many deletions: all keys of the lease are gone. */
  async deleteLeased(): Promise<void> {
    await this.putLeased();
    await this.call("KV/DeleteRange", allOf("l"));
    this.latestRevision = await this.revision();
  }

  /** Deletes what shapes have put under letters of their own. */
  async dropOthers(): Promise<void> {
    for (const key of ["t", "w"]) {
      await this.call("KV/DeleteRange", { key: Buffer.from(key), rangeEnd: Buffer.from(`${key}~`) });
    }
  }

  /** Puts so often that nothing large is left in the log that members keep for each other. */
  async displaceLog(): Promise<void> {
    const value = Buffer.from("a few bytes");
    await atOnce(DISPLACED_AT_ONCE, DISPLACED, async () => {
      await this.call("KV/Put", { key: Buffer.from("displaced"), value });
    });
  }

  async compact(): Promise<void> {
    await this.call("KV/Compact", { revision: await this.revision(), physical: true });
  }

  async defragment(): Promise<void> {
    await this.call("Maintenance/Defragment", {});
  }

  /**
   * One call on the store's own connection; the encoded response. All that a store asks for may be done twice: a member
   * that has no time is asked again.
   */
  async call(name: string, fields: Fields): Promise<Uint8Array> {
    const method = methodOf(name);
    for (let tries = 1; ; tries++) {
      try {
        return await this.#client.unary(method.path, binaryOf(method, fields), {
          deadlineMs: performance.now() + CALL_MS,
        });
      } catch (error) {
        const isBusy = error instanceof GrpcError && error.code === Code.UNAVAILABLE;
        if (!isBusy || tries === TRIES) throw error;
      }
    }
  }

  async #leases(): Promise<void> {
    await atOnce(GRANTS_AT_ONCE, this.sizes.leases, (number) =>
      this.#grant(FIRST_OTHER_LEASE + BigInt(number)),
    );
  }

  async #grant(ID: bigint): Promise<void> {
    try {
      await this.call("Lease/LeaseGrant", { ID, TTL: LEASE_SECONDS });
    } catch (error) {
      // It was asked for twice.
      if (!(error instanceof GrpcError) || error.code !== Code.FAILED_PRECONDITION) throw error;
    }
  }

  async #puts(letter: string, count: number, lease: bigint): Promise<void> {
    const value = `${letter} ${"value ".repeat(5)}`;
    await atOnce(TXNS_AT_ONCE, Math.ceil(count / PUTS_PER_TXN), async (txn) => {
      const first = txn * PUTS_PER_TXN;
      const puts = Math.min(PUTS_PER_TXN, count - first);
      const success = Array.from({ length: puts }, (_, i) => putOf(letter, first + i, value, lease));
      const { succeeded } = decode(TxnResponseSchema, await this.call("KV/Txn", { success }));
      if (!succeeded) throw new Error("a transaction without conditions has failed");
    });
  }
}

/** Does what is numbered from 0 on, so many at once. */
async function atOnce(width: number, count: number, run: (number: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await run(next++);
  };
  await Promise.all(Array.from({ length: width }, lane));
}
