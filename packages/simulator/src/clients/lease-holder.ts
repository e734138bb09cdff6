import type { SeededRandom } from "@quorate/testkit/random";
import type { World } from "../world/world.ts";
import { Api } from "./api.ts";
import { CallError } from "./calls.ts";
import type { Session } from "./session.ts";
import type { Worker } from "./worker.ts";

/** What is known of one lease. */
export interface LeaseRecord {
  readonly id: bigint;
  readonly key: string;
  /** It was attached to the lease, and then put without one. */
  readonly freedKey: string;
  readonly ttlMs: number;
  /** When the last request that was acknowledged (the grant, or a keepalive) was sent. */
  renewedMs: number;
  /** When its holder stopped caring for it; undefined while it does. */
  abandonedMs: number | undefined;
  /** The holder asked for its end. */
  revoked: boolean;
}

/** A client that holds one lease after another, each with a key. */
export class LeaseHolder {
  readonly name: string;
  readonly leases: LeaseRecord[] = [];
  readonly #world: World;
  readonly #worker: Worker;
  readonly #random: SeededRandom;
  readonly #session: Session | undefined;
  #stopped = false;

  /** `worker` puts the keys, for the same user. */
  constructor(world: World, worker: Worker, name: string, session?: Session) {
    this.#session = session;
    this.#world = world;
    this.#worker = worker;
    this.name = name;
    this.#random = world.random.fork();
  }

  stop(): void {
    this.#stopped = true;
  }

  async run(): Promise<void> {
    while (!this.#stopped) {
      await this.#world.time.sleep(this.#random.exponential(500));
      const lease = await this.#grant();
      if (lease !== undefined) await this.#hold(lease);
    }
  }

  async #grant(): Promise<LeaseRecord | undefined> {
    const startMs = this.#world.time.nowMs;
    const granted = await this.#try((api) => api.grant(2 + this.#random.below(4)));
    if (granted === undefined) return undefined;
    const key = `l/${this.name}-${this.leases.length}`;
    const freedKey = `${key}-freed`;
    const lease: LeaseRecord = {
      id: granted.id,
      key,
      freedKey,
      ttlMs: granted.ttlSeconds * 1_000,
      renewedMs: startMs,
      abandonedMs: undefined,
      revoked: false,
    };
    this.leases.push(lease);
    await this.#put(key, granted.id);
    if (this.#random.chance(0.5) && (await this.#put(freedKey, granted.id))) await this.#put(freedKey, 0n);
    return lease;
  }

  #put(key: string, lease: bigint): Promise<boolean> {
    const action = { kind: "put", key, value: this.#worker.value(), lease } as const;
    return this.#worker.perform(this.#random.pick(this.#world.machines), action);
  }

  async #hold(lease: LeaseRecord): Promise<void> {
    const { time } = this.#world;
    const untilMs = time.nowMs + this.#random.exponential(4_000);
    while (time.nowMs < untilMs && !this.#stopped) {
      await time.sleep(lease.ttlMs / 4);
      const sentMs = time.nowMs;
      const ttl = await this.#try((api) => api.keepAlive(lease.id, 1_000));
      if (ttl === 0) break;
      if (ttl !== undefined) lease.renewedMs = sentMs;
    }
    lease.abandonedMs = time.nowMs;
    if (!this.#random.chance(0.2)) return;
    lease.revoked = true;
    await this.#try((api) => api.revoke(lease.id));
  }

  async #try<Result>(run: (api: Api) => Promise<Result>): Promise<Result | undefined> {
    try {
      return await run(
        new Api(this.#world, this.#random.pick(this.#world.machines), this.name, this.#session),
      );
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      return undefined;
    }
  }
}
