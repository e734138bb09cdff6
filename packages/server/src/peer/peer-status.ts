import type { NodeId } from "@quorate/raft";
import type { Clock } from "@quorate/storage/seams/clock";
import { formatId } from "../cluster/ids.ts";
import type { Logger } from "../log/logger.ts";
import type { PeerCounts } from "./metrics.ts";

/** Beyond so many different reasons a further one is no news. */
const MAX_REASONS = 8;

/** Whether a member can be reached. All links to it share this: any success sets it, any failure clears it. */
export class PeerStatus {
  readonly #id: NodeId;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #counts: PeerCounts;
  #activeSinceMs: number | undefined;
  /** Logged since it was active last: several links fail in turn, each for its own reason. */
  readonly #reasons = new Set<string>();

  constructor(id: NodeId, clock: Clock, log: Logger, counts: PeerCounts) {
    this.#id = id;
    this.#clock = clock;
    this.#log = log;
    this.#counts = counts;
  }

  /** Monotonic milliseconds. */
  get activeSinceMs(): number | undefined {
    return this.#activeSinceMs;
  }

  activate(): void {
    if (this.#activeSinceMs !== undefined) return;
    this.#activeSinceMs = this.#clock.nowMs();
    this.#reasons.clear();
    this.#counts.active = 1;
    this.#log.info("peer became active", { "peer-id": formatId(this.#id) });
  }

  /** `reason` is logged when it is news: attempts go on many times a second. */
  deactivate(reason: string): void {
    const wasActive = this.#activeSinceMs !== undefined;
    if (wasActive) {
      this.#activeSinceMs = undefined;
      this.#counts.active = 0;
      this.#counts.disconnects++;
    }
    if (!wasActive && (this.#reasons.has(reason) || this.#reasons.size === MAX_REASONS)) return;
    this.#reasons.add(reason);
    this.#log.warn(wasActive ? "peer became inactive" : "peer cannot be reached", {
      "peer-id": formatId(this.#id),
      error: reason,
    });
  }
}
