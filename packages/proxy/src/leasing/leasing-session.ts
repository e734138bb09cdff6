import { type Client, type ClientError, Code } from "@quorate/client";
import { Deadline } from "@quorate/client/connection";
import { type Event, EventType } from "@quorate/wire/messages";
import type { Prefix } from "../namespace/prefix.ts";
import { type LeasingKeys, REVOKE } from "./leasing-keys.ts";

/** Of the time for which the lease is certain to live, how much is used: clocks of machines do not run alike. */
const USED_PART = 0.9;
/** Within its time to live a lease is renewed about as often. */
const RENEWALS = 3;

export interface LeasingSessionOptions {
  readonly client: Client;
  readonly prefix: Prefix;
  readonly keys: LeasingKeys;
  readonly ttlSeconds: number;
  /** Somebody wants to write `key`, and waits until its leasing key, created at `leasingRevision`, is gone. */
  readonly onRevoked: (key: Uint8Array, leasingRevision: bigint, atRevision: bigint) => void;
  /** A leasing key is gone, whoever it was of. */
  readonly onDeleted: (key: Uint8Array, atRevision: bigint) => void;
}

/**
 * A lease on which this proxy's leasing keys hang, and a watch of what others ask for there. As long as it `isLive` the keys are
 * there unless the proxy has deleted them.
 */
export class LeasingSession {
  readonly lease: bigint;
  /** Resolves when it can be of no use any more; never rejects. */
  readonly ended: Promise<void>;
  readonly #options: LeasingSessionOptions;
  readonly #stop = new AbortController();
  #ttlMs: number;
  /** On the clock of `performance.now()`. */
  #liveUntilMs = 0;
  /** On that of the wall, which goes on while a machine sleeps. */
  #liveUntilWallMs = 0;
  #isRefused = false;

  /** Rejects with a ClientError, also when leasing keys may not be read. */
  static async open(options: LeasingSessionOptions): Promise<LeasingSession> {
    await probe(options);
    const began = new Moment();
    const { ID, TTL, header } = await options.client.lease.grant({ TTL: options.ttlSeconds });
    return new LeasingSession(options, ID, Number(TTL) * 1_000, began, (header?.revision ?? 0n) + 1n);
  }

  private constructor(
    options: LeasingSessionOptions,
    lease: bigint,
    ttlMs: number,
    began: Moment,
    watchFrom: bigint,
  ) {
    this.#options = options;
    this.lease = lease;
    this.#ttlMs = ttlMs;
    this.#renewed(began);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#stop.signal.addEventListener("abort", () => resolve(), { once: true });
    void this.#keepAlive();
    void this.#watch(watchFrom);
  }

  /** The lease has not run out, for certain. */
  get isLive(): boolean {
    return (
      !this.#stop.signal.aborted &&
      performance.now() < this.#liveUntilMs &&
      Date.now() < this.#liveUntilWallMs
    );
  }

  get hasEnded(): boolean {
    return this.#stop.signal.aborted;
  }

  /** From now on nothing hangs on it that anybody may rely on. */
  end(): void {
    this.#stop.abort();
  }

  /** Ends it, and has the cluster delete its leasing keys. Does not reject: the lease ends by itself. */
  async close(): Promise<void> {
    this.end();
    if (this.#isRefused) return;
    const options = { timeoutMs: CLOSE_WITHIN_MS };
    await this.#options.client.lease.revoke({ ID: this.lease }, options).catch(() => {});
  }

  #renewed({ monotonicMs, wallMs }: Moment): void {
    this.#liveUntilMs = monotonicMs + this.#ttlMs * USED_PART;
    this.#liveUntilWallMs = wallMs + this.#ttlMs * USED_PART;
  }

  async #keepAlive(): Promise<void> {
    const { signal } = this.#stop;
    const forever = new Deadline(Number.POSITIVE_INFINITY, signal);
    let pauseMs = this.#ttlMs / RENEWALS;
    while (!signal.aborted) {
      try {
        await forever.sleep(pauseMs);
        const began = new Moment();
        const options = { timeoutMs: Math.max(this.#ttlMs / RENEWALS, SHORTEST_TIMEOUT_MS), signal };
        const { TTL } = await this.#options.client.lease.keepAliveOnce(this.lease, options);
        // Users may have come to the cluster: then nobody may be answered who does not say who they are.
        await probe(this.#options, signal);
        this.#ttlMs = Number(TTL) * 1_000;
        this.#renewed(began);
        pauseMs = this.#ttlMs / RENEWALS;
      } catch (error) {
        pauseMs = Math.min(pauseMs, RETRY_MS);
        const { code } = error as ClientError;
        this.#isRefused = isRefusal(code);
        if (code === Code.NOT_FOUND || this.#isRefused) this.end();
      }
    }
  }

  async #watch(startRevision: bigint): Promise<void> {
    const { client, prefix, keys } = this.#options;
    const { key, rangeEnd } = keys.all;
    const range = { key: prefix.key(key), rangeEnd: prefix.end(rangeEnd) };
    try {
      const { signal } = this.#stop;
      for await (const { events } of client.watch({ ...range, startRevision }, { signal })) {
        for (const event of events) this.#heard(event);
      }
    } catch {
      // It has been compacted away, or may not be had: others could ask for keys, and nobody would hear of it.
    }
    this.end();
  }

  #heard({ type, kv }: Event): void {
    if (kv === undefined) return;
    const { prefix, keys, onDeleted, onRevoked } = this.#options;
    const key = keys.ownedBy(prefix.strip(kv.key));
    if (type === EventType.DELETE) onDeleted(key, kv.modRevision);
    else if (kv.lease === this.lease && Buffer.compare(kv.value, REVOKE) === 0) {
      onRevoked(key, kv.createRevision, kv.modRevision);
    }
  }
}

/** Before a renewal that has failed is tried again. */
const RETRY_MS = 250;
const CLOSE_WITHIN_MS = 1_000;
const SHORTEST_TIMEOUT_MS = 1_000;

/** Before something that gives the lease its time: that counts from then on at the earliest. */
class Moment {
  readonly monotonicMs = performance.now();
  readonly wallMs = Date.now();
}

/** Asks whether leasing keys may be read by who has no name. Rejects with a ClientError. */
async function probe({ client, prefix, keys }: LeasingSessionOptions, signal?: AbortSignal): Promise<void> {
  const key = prefix.key(keys.prefix);
  await client.kv.range({ key, keysOnly: true, serializable: true }, { signal });
}

function isRefusal(code: number): boolean {
  return code === Code.INVALID_ARGUMENT || code === Code.PERMISSION_DENIED || code === Code.UNAUTHENTICATED;
}
