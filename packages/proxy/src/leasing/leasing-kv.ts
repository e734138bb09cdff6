import { setTimeout as pause } from "node:timers/promises";
import type { Client } from "@quorate/client";
import { Code, GrpcError } from "@quorate/rpc/status";
import type {
  DeleteRangeRequest,
  DeleteRangeResponse,
  KeyValue,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  ResponseHeader,
  TxnRequest,
  TxnResponse,
} from "@quorate/wire/messages";
import { nameOf } from "../cache/key-range.ts";
import type { Log } from "../log.ts";
import type { Members, OnwardCall } from "../members/members.ts";
import type { Prefix } from "../namespace/prefix.ts";
import { KvCalls } from "./kv-calls.ts";
import { LeasingKeys, REVOKE } from "./leasing-keys.ts";
import { LeasingSession } from "./leasing-session.ts";
import { NewestHeader } from "./newest-header.ts";
import { answerOf, type OwnedKey } from "./owned-key.ts";
import { type LeasingCounts, Ownership } from "./ownership.ts";
import { ReleasedKeys } from "./released-keys.ts";
import { createdAt, oneKey, opOf, putOp, rangeRequest } from "./request-parts.ts";
import { changesOf, coveringRange, type WrittenKeys, writtenKeys } from "./written-keys.ts";

/**
 * Whoever waits for the owner of a key whose process has died waits so long. etcd's clients take 60 s; a session that is lost
 * costs no more than the keys' being read once more, so ours is short.
 */
const DEFAULT_TTL_SECONDS = 10;
/** Before another session is tried. */
const PAUSE_MS = 1_000;
/** So many owners are asked at a time. */
const MOST_OWNERS = 100n;
const FIRST_POLL_MS = 50;
const LONGEST_POLL_MS = 1_000;

export interface LeasingOptions {
  readonly members: Members;
  readonly client: Client;
  readonly prefix: Prefix;
  readonly leasing: {
    /** What leasing keys begin with: the same for all who write the same keys. Not empty. */
    readonly prefix: string;
    /** How long a proxy that has died still owns its keys, at most. Default 10. */
    readonly ttlSeconds?: number;
  };
  readonly log: Log;
}

/**
 * etcd's leasing protocol: a proxy that has read a key owns it, and answers further reads from memory. Whoever writes a key
 * asks its owner for it first, and has the cluster see to it that nobody owns it when it is written.
 */
export class LeasingKv {
  readonly counts: LeasingCounts = { hits: 0, acquired: 0, revoked: 0 };
  readonly #options: LeasingOptions;
  readonly #calls: KvCalls;
  readonly #keys: LeasingKeys;
  readonly #newest = new NewestHeader();
  readonly #released = new ReleasedKeys();
  readonly #stop = new AbortController();
  #ownership: Ownership;
  #session: LeasingSession | undefined;

  constructor(options: LeasingOptions) {
    this.#options = options;
    this.#calls = new KvCalls(options.members, options.prefix);
    this.#keys = new LeasingKeys(options.leasing.prefix);
    this.#ownership = this.#newOwnership();
    void this.#stay();
  }

  get ownedKeys(): number {
    return this.#ownership.isLive ? this.#ownership.owned.size : 0;
  }

  /** Any answer of the cluster, so that those from memory have no older revision. */
  saw(header: ResponseHeader | undefined): void {
    this.#newest.saw(header);
  }

  /** The answer to a read of a key that this proxy owns. Only for those who ask in nobody's name. */
  recall(request: RangeRequest): RangeResponse | undefined {
    if (!isPlain(request)) return undefined;
    const owned = this.#ownership.recall(request.key);
    if (owned === undefined) return undefined;
    this.counts.hits++;
    return answerOf(owned.kv, request, this.#newest.header);
  }

  /** Reads a key and tries to own it, for the same. Undefined when it has to be read without. Does not reject. */
  async acquire(request: RangeRequest, onward: OnwardCall): Promise<RangeResponse | undefined> {
    if (!isPlain(request) || request.serializable) return undefined;
    return this.#ownership.acquire(request, onward);
  }

  /** Rejects with a GrpcError, as all that follow. */
  async put(requestPut: PutRequest, onward: OnwardCall): Promise<PutResponse> {
    const { header, responses } = await this.txn(
      { compare: [], success: [opOf({ requestPut })], failure: [] },
      onward,
    );
    return { ...responses[0]!.responsePut!, header };
  }

  async delete(requestDeleteRange: DeleteRangeRequest, onward: OnwardCall): Promise<DeleteRangeResponse> {
    const { header, responses } = await this.txn(
      { compare: [], success: [opOf({ requestDeleteRange })], failure: [] },
      onward,
    );
    return { ...responses[0]!.responseDeleteRange!, header };
  }

  /** A transaction that writes. Owners of what it may write are asked for their keys before. */
  async txn(request: TxnRequest, onward: OnwardCall): Promise<TxnResponse> {
    let written = writtenKeys(request);
    for (;;) {
      const ownership = this.#ownership;
      await giveUp(ownership, written);
      const attempt = this.#guard(request, written, ownership);
      let response: TxnResponse;
      try {
        response = await this.#calls.txn(attempt.request, onward, false);
      } catch (error) {
        this.#hasFailed(error, ownership, attempt.owned);
        if (!isTooManyOperations(error) || written.single.size < 2) throw error;
        // Its keys need a comparison each, which may be more than a member takes: one for all does, too.
        written = asOneRange(written);
        continue;
      }
      this.#newest.saw(response.header);
      if (response.succeeded) return hasWritten(request, response, ownership, attempt.owned);
      for (const owned of attempt.owned) owned.endWrite();
      await this.#makeWay(response, ownership, attempt.owned, onward);
    }
  }

  /** Who may read what may have changed: all keys are given up. */
  forgetAll(): void {
    this.#session?.end();
  }

  /** Gives all keys back. Does not reject. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#session?.close();
  }

  /** The transaction as it may only be when nobody else owns what it writes; otherwise it tells who does. */
  #guard(request: TxnRequest, written: WrittenKeys, { owned: keys }: Ownership): Guarded {
    const guards: TxnRequest["compare"][number][] = [];
    const lookups: TxnRequest["failure"][number][] = [];
    const owned: OwnedKey[] = [];
    for (const key of written.single.values()) {
      const own = keys.get(key);
      if (own !== undefined) owned.push(own);
      const leasingKey = oneKey(this.#keys.of(key));
      guards.push(createdAt(leasingKey, own?.leasingRevision ?? 0n));
      lookups.push(opOf({ requestRange: rangeRequest(leasingKey) }));
    }
    for (const range of written.ranges.flatMap((each) => this.#keys.ofRange(each))) {
      guards.push(createdAt(range, 0n));
      lookups.push(opOf({ requestRange: rangeRequest(range, MOST_OWNERS) }));
    }
    for (const each of owned) each.beginWrite();
    // With comparisons of its own it has to stand inside, so that one can tell which of them have failed.
    const success = request.compare.length === 0 ? request.success : [opOf({ requestTxn: request })];
    return { request: { compare: guards, success, failure: lookups }, owned };
  }

  #hasFailed(error: unknown, ownership: Ownership, owned: readonly OwnedKey[]): void {
    for (const each of owned) each.endWrite();
    if (!(error instanceof GrpcError) || !WRITES_NOTHING.includes(error.code)) void ownership.giveUp(owned);
  }

  /** Asks those for their keys who are in the way, and waits for them. */
  async #makeWay(
    { responses }: TxnResponse,
    ownership: Ownership,
    owned: readonly OwnedKey[],
    onward: OnwardCall,
  ): Promise<void> {
    const found = responses.flatMap(({ responseRange }) => responseRange?.kvs ?? []);
    const revisions = new Map(found.map(({ key, createRevision }) => [nameOf(key), createRevision]));
    for (const each of owned) {
      // Lost without a word, with the session's lease or by who has deleted leasing keys.
      if (revisions.get(nameOf(this.#keys.of(each.key))) !== each.leasingRevision) ownership.forget(each);
    }
    const inTheWay = found.filter((kv) => !ownership.isOwn(this.#keys.ownedBy(kv.key), kv));
    await Promise.all(inTheWay.map((kv) => this.#untilReleased(kv, ownership, onward)));
  }

  async #untilReleased(kv: KeyValue, ownership: Ownership, onward: OnwardCall): Promise<void> {
    const key = this.#keys.ownedBy(kv.key);
    const { released, stop } = this.#released.wait(key);
    try {
      if (!ownership.isReleasing(key) && Buffer.compare(kv.value, REVOKE) !== 0)
        await this.#revoke(kv, onward);
      for (let pauseMs = FIRST_POLL_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_POLL_MS)) {
        await firstOf(released, Math.min(pauseMs, onward.deadlineMs - performance.now()), onward.signal);
        // The watch says it first, but not when it has just been begun anew, or may not be had.
        const { header, kvs } = await this.#calls.range(rangeRequest(oneKey(kv.key)), onward);
        this.#newest.saw(header);
        if (kvs[0]?.createRevision !== kv.createRevision) return;
      }
    } finally {
      stop();
    }
  }

  async #revoke({ key, createRevision }: KeyValue, onward: OnwardCall): Promise<void> {
    const txn = {
      compare: [createdAt(oneKey(key), createRevision)],
      success: [putOp(key, REVOKE, "unchanged")],
      failure: [],
    };
    this.#newest.saw((await this.#calls.txn(txn, onward, true)).header);
  }

  /** Has a session for as long as the proxy lives, one after another. */
  async #stay(): Promise<void> {
    const { client, prefix, leasing, log } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const ownership = this.#newOwnership();
      try {
        const session = await LeasingSession.open({
          client,
          prefix,
          keys: this.#keys,
          ttlSeconds: leasing.ttlSeconds ?? DEFAULT_TTL_SECONDS,
          onRevoked: (key, leasingRevision, at) => ownership.onRevoked(key, leasingRevision, at),
          onDeleted: (key, at) => {
            ownership.onDeleted(key, at);
            this.#released.tell(key);
          },
        });
        if (signal.aborted) return void (await session.close());
        ownership.begin(session);
        this.#session = session;
        this.#ownership = ownership;
        await session.ended;
        if (signal.aborted) return;
        log("warn", "leasing session is lost; keys are read from members until there is another one");
        await session.close();
      } catch (error) {
        if (signal.aborted) return;
        log("debug", "no leasing session", { error: (error as Error).message });
      }
      await pause(PAUSE_MS, undefined, { signal }).catch(() => {});
    }
  }

  #newOwnership(): Ownership {
    const { client, prefix } = this.#options;
    const calls = this.#calls;
    return new Ownership({
      client,
      calls,
      prefix,
      keys: this.#keys,
      newest: this.#newest,
      counts: this.counts,
    });
  }
}

interface Guarded {
  readonly request: TxnRequest;
  /** Keys of this proxy's own that it writes. */
  readonly owned: readonly OwnedKey[];
}

/** After one of these a transaction has written nothing, for certain. */
const WRITES_NOTHING: readonly number[] = [
  Code.INVALID_ARGUMENT,
  Code.NOT_FOUND,
  Code.OUT_OF_RANGE,
  Code.PERMISSION_DENIED,
  Code.UNAUTHENTICATED,
];

/** Of what may not be owned when it is written. */
async function giveUp(ownership: Ownership, { ranges, leased }: WrittenKeys): Promise<void> {
  for (;;) {
    const single = leased.map((key) => ownership.owned.get(key)).filter((owned) => owned !== undefined);
    const owned = [...ownership.within(ranges), ...single];
    if (owned.length === 0) return;
    await ownership.giveUp(owned);
  }
}

function hasWritten(
  request: TxnRequest,
  response: TxnResponse,
  ownership: Ownership,
  owned: readonly OwnedKey[],
): TxnResponse {
  const { header, responses } = response;
  const answer = request.compare.length === 0 ? response : { ...responses[0]!.responseTxn!, header };
  const changes = changesOf(request, answer, header?.revision ?? 0n);
  for (const each of owned) {
    each.endWrite(changes.get(nameOf(each.key)));
    ownership.owned.changed(each);
  }
  return answer;
}

function asOneRange({ single, ranges }: WrittenKeys): WrittenKeys {
  return { single: new Map(), ranges: [...ranges, coveringRange(single.values())], leased: [] };
}

function isTooManyOperations(error: unknown): boolean {
  return error instanceof GrpcError && error.details === "etcdserver: too many operations in txn request";
}

/** A read of one key as it is now, and of nothing else. */
function isPlain(request: RangeRequest): boolean {
  return (
    request.key.length > 0 &&
    request.rangeEnd.length === 0 &&
    request.revision === 0n &&
    request.sortOrder === 0 &&
    request.sortTarget === 0 &&
    request.minModRevision === 0n &&
    request.maxModRevision === 0n &&
    request.minCreateRevision === 0n &&
    request.maxCreateRevision === 0n
  );
}

/** Resolves when `promise` does, after so many milliseconds, or when the signal comes. */
async function firstOf(promise: Promise<void>, ms: number, signal?: AbortSignal): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, Math.max(ms, 0));
  const onAbort = () => resolve();
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    await Promise.race([promise, over]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}
