/** What the proposing side needs of the leader. */
export interface RevokeLeadership {
  /**
   * True when this member is certainly leader still: its last raft tick is young, or a quorum has just confirmed it. A
   * member that was stalled would revoke leases a new leader keeps alive.
   */
  confirmLeadership(): Promise<boolean>;
  /** Proposes one revoke as internal root; resolves when it has been applied, rejects when it failed. */
  revoke(id: bigint): Promise<void>;
  /** A failed revoke; the lease comes again if it still exists. */
  onFailure(id: bigint, error: unknown): void;
  /** A revoke for expiry succeeded. */
  onExpired(id: bigint): void;
}

const WAITING_BATCHES = 16;
const IN_FLIGHT = 16;

/** Takes the batches of expired leases one after another and proposes their revokes, a few at a time. */
export class RevokeQueue {
  private readonly leadership: RevokeLeadership;
  private readonly waiting: (readonly bigint[])[] = [];
  private running = false;

  constructor(leadership: RevokeLeadership) {
    this.leadership = leadership;
  }

  /** Never waits. False when too many batches wait: this one is dropped, its leases are handed over again later. */
  offer(ids: readonly bigint[]): boolean {
    if (this.waiting.length >= WAITING_BATCHES) return false;
    this.waiting.push(ids);
    if (!this.running) {
      this.running = true;
      void this.run();
    }
    return true;
  }

  private async run(): Promise<void> {
    for (let batch = this.waiting.shift(); batch !== undefined; batch = this.waiting.shift()) {
      if (await this.isLeader()) await this.revokeAll(batch);
    }
    this.running = false;
  }

  private async isLeader(): Promise<boolean> {
    try {
      return await this.leadership.confirmLeadership();
    } catch {
      return false;
    }
  }

  private async revokeAll(ids: readonly bigint[]): Promise<void> {
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < ids.length) {
        const id = ids[next++]!;
        try {
          await this.leadership.revoke(id);
          this.leadership.onExpired(id);
        } catch (error) {
          this.leadership.onFailure(id, error);
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, ids.length) }, lane));
  }
}
