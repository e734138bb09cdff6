import type { Clock, Timer } from "@quorate/storage/seams/clock";

/** Looks in a row without a leader after which calls that need one end. */
const LOOKS_WITHOUT_LEADER = 3;
/** Streams that are ended in one turn of the loop. */
const ENDS_PER_TURN = 512;

/**
 * Ends the streams of clients that asked to be cut off from a member without a leader (metadata `hasleader`): it looks
 * for a leader once an election timeout, so short elections go unnoticed. It looks only while there is such a stream.
 */
export class LeaderMonitor {
  private readonly clock: Clock;
  private readonly electionTimeoutMs: number;
  private readonly hasLeader: () => boolean;
  private lost = new Set<() => void>();
  private timer: Timer | undefined = undefined;
  private looksWithoutLeader = 0;

  constructor(clock: Clock, electionTimeoutMs: number, hasLeader: () => boolean) {
    this.clock = clock;
    this.electionTimeoutMs = electionTimeoutMs;
    this.hasLeader = hasLeader;
  }

  /**
   * Enters a stream, opened while there was a leader; `onLost` is called at most once. Returns what takes it out again,
   * to be called when the stream ends.
   */
  add(onLost: () => void): () => void {
    const entry = () => onLost();
    const entered = this.lost;
    entered.add(entry);
    this.arm();
    return () => {
      entered.delete(entry);
      if (this.lost.size === 0) this.stop();
    };
  }

  /** Stops looking; for when the member stops. */
  stop(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.looksWithoutLeader = 0;
  }

  private arm(): void {
    this.timer ??= this.clock.setTimer(this.electionTimeoutMs, () => this.look());
  }

  private look(): void {
    this.timer = undefined;
    this.looksWithoutLeader = this.hasLeader() ? 0 : this.looksWithoutLeader + 1;
    if (this.looksWithoutLeader >= LOOKS_WITHOUT_LEADER) {
      const ending = this.lost;
      this.lost = new Set();
      this.looksWithoutLeader = 0;
      this.endSome(ending);
    }
    if (this.lost.size > 0) this.arm();
  }

  /** One that ends by itself before its turn comes is no longer among them. */
  private endSome(ending: Set<() => void>): void {
    let ended = 0;
    for (const onLost of ending) {
      if (ended === ENDS_PER_TURN) {
        this.clock.soon(() => this.endSome(ending));
        return;
      }
      ending.delete(onLost);
      ended += 1;
      onLost();
    }
  }
}
