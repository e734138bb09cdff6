import type { Clock } from "@quorate/storage/seams/clock";
import type { Logger } from "../log/logger.ts";
import {
  memberKey,
  membersPrefix,
  Registered,
  type RegistryEntry,
  type RegistryStore,
  sizeKey,
} from "./registry.ts";

export interface RegistrationOptions {
  readonly store: RegistryStore;
  readonly token: string;
  /** This member's ID in hex. */
  readonly id: string;
  /** `name=url` for each of its peer URLs. */
  readonly member: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
}

const LONGEST_PAUSE_EXPONENT = 8;

/**
 * A member registers in the discovery service, and waits until all members of its cluster have. What they have written stays
 * there: a token is for one cluster.
 */
export class Registration {
  readonly #options: RegistrationOptions;
  readonly #log: Logger;
  /** Since the service has answered last. */
  #failures = 0;

  constructor(options: RegistrationOptions) {
    this.#options = options;
    this.#log = options.log;
  }

  /**
   * Resolves with the members of the cluster, as `--initial-cluster` has them. Asks again and again while the service does not
   * answer. Rejects when the token cannot be used, and when the signal fires.
   */
  async run(): Promise<string> {
    await this.#untilAnswered("cluster status check", () => this.#check());
    await this.#untilAnswered("register member itself", () => this.#register());
    for (;;) {
      const found = await this.#untilAnswered("cluster status check", () => this.#check());
      const { registered, size } = found;
      if (registered.count < size) {
        this.#log.info("waiting for peers from discovery service", {
          clusterSize: size,
          "found-peers": registered.count,
        });
        await this.#awaitOthers(found);
      }
      if (registered.count < size) continue;
      this.#log.info("found all needed peers from discovery service", {
        clusterSize: size,
        "found-peers": registered.count,
      });
      return registered.initialCluster(size);
    }
  }

  /** Throws a `Refusal` when the token is for no cluster, or for one that is complete without this member. */
  async #check(): Promise<Found> {
    const { store, token, id } = this.#options;
    const text = await store.get(sizeKey(token));
    if (text === undefined) throw new Refusal("discovery: size key not found");
    const size = /^\+?\d+$/.test(text) ? Number(text) : 0;
    if (!Number.isSafeInteger(size) || size <= 0) throw new Refusal("discovery: size key is bad");
    const { revision, entries } = await store.list(membersPrefix(token));
    const registered = new Registered();
    this.#add(registered, entries);
    if (registered.isFullWithout(memberKey(token, id), size)) {
      throw new Refusal("discovery: cluster is full");
    }
    return { registered, size, revision };
  }

  async #register(): Promise<void> {
    const { store, token, id, member } = this.#options;
    const key = memberKey(token, id);
    await store.put(key, member);
    this.#log.info("register member itself successfully", { memberKey: key, memberInfo: member });
  }

  /** Until they are enough, or the watch breaks off: then it is looked again who is there. */
  async #awaitOthers({ registered, size, revision }: Found): Promise<void> {
    const { store, token } = this.#options;
    try {
      for await (const entries of store.changes(membersPrefix(token), revision + 1n)) {
        this.#failures = 0;
        this.#add(registered, entries);
        if (registered.count >= size) return;
      }
      throw new Error("the watch has ended");
    } catch (error) {
      await this.#pauseAfter("cluster status check", error as Error);
    }
  }

  #add(registered: Registered, entries: readonly RegistryEntry[]): void {
    for (const entry of entries) {
      const why = registered.add(entry);
      const fields = { memberKey: entry.key, memberInfo: entry.value };
      if (why === undefined) this.#log.info("found peer from discovery service", fields);
      else this.#log.warn(why, fields);
    }
  }

  async #untilAnswered<Answer>(step: string, ask: () => Promise<Answer>): Promise<Answer> {
    for (;;) {
      try {
        const answer = await ask();
        this.#failures = 0;
        return answer;
      } catch (error) {
        if (error instanceof Refusal) throw error;
        await this.#pauseAfter(step, error as Error);
      }
    }
  }

  /** 2, 4, and so on to 256 s. */
  async #pauseAfter(reason: string, error: Error): Promise<void> {
    const { clock, signal } = this.#options;
    signal.throwIfAborted();
    this.#failures++;
    const pauseMs = 1_000 * 2 ** Math.min(this.#failures, LONGEST_PAUSE_EXPONENT);
    this.#log.warn("retry connecting to discovery service", {
      reason,
      error: error.message,
      backoff: `${pauseMs / 1_000}s`,
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = clock.setTimer(pauseMs, resolve);
    signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    timer.cancel();
    signal.throwIfAborted();
  }
}

interface Found {
  readonly registered: Registered;
  readonly size: number;
  /** As of which. */
  readonly revision: bigint;
}

/** What asking again does not change. */
class Refusal extends Error {}
