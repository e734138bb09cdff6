import type { Client } from "@quorate/client";
import type { KeyValue, RangeRequest, RangeResponse, TxnRequest } from "@quorate/wire/messages";
import { type KeyRange, nameOf } from "../cache/key-range.ts";
import { type OnwardCall, pause } from "../members/members.ts";
import type { Prefix } from "../namespace/prefix.ts";
import { prefixedTxn } from "../namespace/requests.ts";
import { DeclinedKeys } from "./declined-keys.ts";
import type { KvCalls } from "./kv-calls.ts";
import { type LeasingKeys, REVOKE } from "./leasing-keys.ts";
import type { LeasingSession } from "./leasing-session.ts";
import type { NewestHeader } from "./newest-header.ts";
import { answerOf, OwnedKey } from "./owned-key.ts";
import { OwnedKeys } from "./owned-keys.ts";
import { createdAt, hasNoLease, oneKey, opOf, putOp, rangeRequest } from "./request-parts.ts";

const NOTHING = new Uint8Array(0);

export interface OwnershipOptions {
  readonly client: Client;
  readonly calls: KvCalls;
  readonly prefix: Prefix;
  readonly keys: LeasingKeys;
  readonly newest: NewestHeader;
  readonly counts: LeasingCounts;
}

/** Of all sessions. */
export interface LeasingCounts {
  /** Reads that were answered from memory. */
  hits: number;
  /** Keys that this proxy has come to own. */
  acquired: number;
  /** Keys that others have asked it for. */
  revoked: number;
}

/** An attempt to own a key. Others may ask for the key before its answer is here. */
interface Attempt {
  /** The last revision at which a leasing key has been asked for, or was gone. */
  lostAt: bigint;
}

/** The keys that this proxy owns in one session: how it gets them, and gives them up. */
export class Ownership {
  readonly owned = new OwnedKeys();
  readonly #options: OwnershipOptions;
  readonly #declined = new DeclinedKeys();
  readonly #attempts = new Map<string, Attempt>();
  /** How many deletions of its leasing key are under way, by key: until then it may not be had again. */
  readonly #releasing = new Map<string, number>();
  #session: LeasingSession | undefined;

  constructor(options: OwnershipOptions) {
    this.#options = options;
  }

  /** From now on keys may be had, until the session has ended. */
  begin(session: LeasingSession): void {
    this.#session = session;
  }

  get isLive(): boolean {
    return this.#session?.isLive === true;
  }

  /** The key's state, when it is known for certain. */
  recall(key: Uint8Array): OwnedKey | undefined {
    if (!this.isLive) return undefined;
    const owned = this.owned.use(key);
    return owned?.isKnown === true ? owned : undefined;
  }

  /** Reads a key and tries to own it. Undefined when it has to be read without; does not reject. */
  async acquire(request: RangeRequest, onward: OnwardCall): Promise<RangeResponse | undefined> {
    const { key } = request;
    const name = nameOf(key);
    const session = this.#session;
    if (session?.isLive !== true || this.#declined.has(key)) return undefined;
    if (this.#attempts.has(name) || this.#releasing.has(name) || this.owned.get(key) !== undefined)
      return undefined;
    const attempt: Attempt = { lostAt: 0n };
    this.#attempts.set(name, attempt);
    try {
      return await this.#attempt(request, onward, session, attempt);
    } catch {
      // A plain read will tell why, and whether that concerns reads at all.
      this.#declined.add(key);
      return undefined;
    } finally {
      this.#attempts.delete(name);
    }
  }

  async #attempt(
    request: RangeRequest,
    onward: OnwardCall,
    session: LeasingSession,
    attempt: Attempt,
  ): Promise<RangeResponse> {
    const { keys, calls, newest } = this.#options;
    const { key } = request;
    const leasingKey = keys.of(key);
    const read = opOf({ requestRange: rangeRequest(oneKey(key)) });
    const txn: TxnRequest = {
      compare: [createdAt(oneKey(leasingKey), 0n), hasNoLease(key)],
      success: [read, putOp(leasingKey, NOTHING, session.lease)],
      failure: [read, opOf({ requestRange: rangeRequest(oneKey(leasingKey)) })],
    };
    const { header, succeeded, responses } = await calls.txn(txn, onward, true);
    newest.saw(header);
    const kv = responses[0]?.responseRange?.kvs[0];
    const leasingKv = responses[1]?.responseRange?.kvs[0];
    const revision = header?.revision ?? 0n;
    const leasingRevision = succeeded ? revision : ownRevision(leasingKv, session.lease);
    if (leasingRevision === undefined || attempt.lostAt > leasingRevision) this.#declined.add(key);
    else if (session.isLive) this.#add(new OwnedKey(key, leasingRevision, kv, revision));
    return answerOf(kv, request, header);
  }

  #add(owned: OwnedKey): void {
    this.#options.counts.acquired++;
    for (const each of this.owned.add(owned)) void this.#release(each.key, each.leasingRevision);
  }

  /** Somebody waits for this key. */
  onRevoked(key: Uint8Array, leasingRevision: bigint, atRevision: bigint): void {
    this.#options.counts.revoked++;
    this.#lost(key, atRevision);
    void this.#release(key, leasingRevision);
  }

  /** Its leasing key is gone. */
  onDeleted(key: Uint8Array, atRevision: bigint): void {
    const owned = this.owned.get(key);
    const attempt = this.#attempts.get(nameOf(key));
    if (attempt !== undefined || (owned !== undefined && owned.leasingRevision < atRevision)) {
      this.#lost(key, atRevision);
    }
  }

  #lost(key: Uint8Array, atRevision: bigint): void {
    const attempt = this.#attempts.get(nameOf(key));
    if (attempt !== undefined && attempt.lostAt < atRevision) attempt.lostAt = atRevision;
    const owned = this.owned.get(key);
    if (owned !== undefined && owned.leasingRevision < atRevision) this.owned.remove(key);
    this.#declined.add(key);
  }

  /** What is known of it does not hold any more: its leasing key is another one's, or nobody's. */
  forget({ key }: OwnedKey): void {
    this.owned.remove(key);
    this.#declined.add(key);
  }

  /** Gives keys up. Resolves when that has been done, or was tried once; does not reject. */
  async giveUp(owned: readonly OwnedKey[]): Promise<void> {
    await Promise.all(
      owned.map((each) => {
        this.forget(each);
        return this.#release(each.key, each.leasingRevision);
      }),
    );
  }

  within(ranges: readonly KeyRange[]): OwnedKey[] {
    return ranges.flatMap((range) => this.owned.within(range));
  }

  isReleasing(key: Uint8Array): boolean {
    return this.#releasing.has(nameOf(key));
  }

  /** Whether a leasing key is what this proxy knows as its own. */
  isOwn(key: Uint8Array, { createRevision, value }: KeyValue): boolean {
    return this.owned.get(key)?.leasingRevision === createRevision && Buffer.compare(value, REVOKE) !== 0;
  }

  /** Resolves after the first try; goes on until the leasing key is deleted, or will be with its lease. Does not reject. */
  async #release(key: Uint8Array, leasingRevision: bigint): Promise<void> {
    const name = nameOf(key);
    this.#releasing.set(name, (this.#releasing.get(name) ?? 0) + 1);
    const { promise, resolve } = Promise.withResolvers<void>();
    void this.#deleteLeasingKey(key, leasingRevision, resolve).finally(() => {
      const left = this.#releasing.get(name)! - 1;
      if (left > 0) this.#releasing.set(name, left);
      else this.#releasing.delete(name);
    });
    return promise;
  }

  async #deleteLeasingKey(key: Uint8Array, leasingRevision: bigint, tried: () => void): Promise<void> {
    const { client, keys, prefix } = this.#options;
    const session = this.#session;
    const leasingKey = keys.of(key);
    const deletion = { key: leasingKey, rangeEnd: NOTHING, prevKv: false };
    const txn = prefixedTxn(prefix, {
      compare: [createdAt(oneKey(leasingKey), leasingRevision)],
      success: [opOf({ requestDeleteRange: deletion })],
      failure: [],
    });
    for (let attempt = 1; session?.hasEnded === false; attempt++) {
      try {
        await client.kv.txn(txn);
        break;
      } catch {
        tried();
        await pause(attempt);
      }
    }
    tried();
  }
}

/** At which revision this proxy has come to own a key, by its leasing key; undefined when another one has it, or wants it. */
function ownRevision(leasingKv: KeyValue | undefined, lease: bigint): bigint | undefined {
  if (leasingKv === undefined || leasingKv.lease !== lease) return undefined;
  return Buffer.compare(leasingKv.value, REVOKE) === 0 ? undefined : leasingKv.createRevision;
}
