import { NONE, type NodeId, type RawNode } from "@quorate/raft";
import { SilentFollowers } from "./silent-followers.ts";
import { SlowDiskGuard } from "./slow-disk.ts";
import type { ConsensusOptions } from "./surroundings.ts";

/** Who leads, and what a leader looks after besides its log: followers who are silent, and a disk that hangs. */
export class Leadership {
  readonly #options: ConsensusOptions;
  readonly #node: RawNode;
  readonly #slowDisk: SlowDiskGuard;
  readonly #silentFollowers: SilentFollowers;
  #leader: NodeId = NONE;
  #isLeader = false;
  #electedMs: number | undefined;
  #changesSeen = 0;

  constructor(options: ConsensusOptions) {
    this.#options = options;
    this.#node = options.node;
    this.#slowDisk = new SlowDiskGuard(options.electionTimeoutMs);
    this.#silentFollowers = new SilentFollowers(options.electionTicks);
  }

  /** `NONE` while none is known. */
  get leader(): NodeId {
    return this.#leader;
  }
  /** Whether it is this member. */
  get isLeader(): boolean {
    return this.#isLeader;
  }
  /** Monotonic milliseconds: when this member last became the leader; undefined if it never did. */
  get electedMs(): number | undefined {
    return this.#electedMs;
  }
  /** How often a new leader was seen. */
  get changesSeen(): number {
    return this.#changesSeen;
  }

  /** Raft tells of a new role or leader. Returns whether there is a leader who did not lead before. */
  changed(leader: NodeId, isLeader: boolean): boolean {
    const isNew = leader !== NONE && leader !== this.#leader;
    if (isLeader && !this.#isLeader) {
      this.#electedMs = this.#options.clock.nowMs();
      this.#silentFollowers.leads();
    }
    this.#leader = leader;
    this.#isLeader = isLeader;
    if (isNew) this.#changesSeen++;
    return isNew;
  }

  /** A message of `from` has come. */
  heard(from: NodeId): void {
    if (this.#isLeader) this.#silentFollowers.heard(from);
  }

  /** With each tick of raft. */
  tick(nowMs: number): void {
    this.#leadOnlyWithAWorkingDisk(nowMs);
    if (this.#isLeader) this.#probeSilentFollowers();
  }

  /**
   * A leader's heartbeats do not wait for its disk, so nobody else would take over while it cannot make anything
   * durable: it hands leadership to the one who is furthest, and goes on as a follower when its disk does.
   */
  #leadOnlyWithAWorkingDisk(nowMs: number): void {
    const { writer, events } = this.#options;
    const stalledMs = this.#slowDisk.check(nowMs, writer.writingSinceMs);
    if (stalledMs === undefined) return;
    const transferee = this.#isLeader ? this.#bestTransferee() : undefined;
    events.diskStalled(stalledMs, transferee);
    if (transferee !== undefined) this.#node.transferLeader(transferee);
  }

  #bestTransferee(): NodeId | undefined {
    const { localId, connectedSince } = this.#options;
    let best: NodeId | undefined;
    let bestMatch = -1;
    for (const [id, { match, isLearner }] of this.#node.status().progress) {
      const isCandidate = id !== localId && !isLearner;
      if (isCandidate && match > bestMatch && connectedSince(id) !== undefined) {
        best = id;
        bestMatch = match;
      }
    }
    return best;
  }

  /** What was sent to them is probably lost, although their connections may look alive. */
  #probeSilentFollowers(): void {
    const { localId, members } = this.#options;
    for (const id of this.#silentFollowers.tick(members())) {
      if (id !== localId) this.#node.reportUnreachable(id);
    }
  }
}
