import { NONE, type NodeId } from "@quorate/raft";

/**
 * Tells a leader which followers it feeds without hearing of them. A cut that lets messages pass in one direction only
 * breaks no connection, so nobody else would notice: the leader would send on until its window is full, all of it lost.
 * Time is counted in ticks, so that a pause of this process silences nobody.
 */
export class SilentFollowers {
  readonly #timeoutTicks: number;
  #tick = 0;
  #leadsSince = 0;
  #lastHeard: NodeId = NONE;
  readonly #heardAt = new Map<NodeId, number>();

  /** `timeoutTicks`: of how long a silence it is told. */
  constructor(timeoutTicks: number) {
    this.#timeoutTicks = timeoutTicks;
  }

  /** This member leads from now on: who was silent before owed it nothing. */
  leads(): void {
    this.#leadsSince = this.#tick;
  }

  heard(from: NodeId): void {
    // Messages come in runs from one member.
    if (from === this.#lastHeard) return;
    this.#lastHeard = from;
    this.#heardAt.set(from, this.#tick);
  }

  /** Called with each tick of a leader. Returns those of `followers` of which nothing was heard for so long. */
  tick(followers: readonly NodeId[]): NodeId[] {
    this.#tick++;
    this.#lastHeard = NONE;
    return followers.filter((id) => {
      const since = Math.max(this.#heardAt.get(id) ?? 0, this.#leadsSince);
      return this.#tick - since > this.#timeoutTicks;
    });
  }
}
