import { Code, GrpcError } from "@quorate/rpc/status";

/** So often each member is asked before it is given up that one is as far as another one has been. */
const ROUNDS = 5;

/** Reads never go back in time, whichever member they come from. */
export class OrderedReads {
  #revision = 0n;

  /** Up to here answers have come. */
  get revision(): bigint {
    return this.#revision;
  }

  saw(revision: bigint): void {
    if (revision > this.#revision) this.#revision = revision;
  }

  /**
   * An answer at least as new as all that had been given when it was asked for. `ask` is repeated for older ones, after
   * `leave`; throws GrpcError when there is none. `endpoints` is how many members there are.
   */
  async newest<T>(
    ask: () => Promise<T>,
    revisionOf: (answer: T) => bigint,
    leave: () => void,
    endpoints: number,
  ): Promise<T> {
    const least = this.#revision;
    for (let attempt = 0; ; attempt++) {
      const answer = await ask();
      const revision = revisionOf(answer);
      if (revision >= least) {
        this.saw(revision);
        return answer;
      }
      if (attempt >= ROUNDS * endpoints) throw new GrpcError(Code.UNKNOWN, NONE);
      leave();
    }
  }
}

const NONE = "etcdclient: no cluster members have a revision higher than the previously received revision";
