/** Where a member listens for clients, and how much of the connections it is to have. */
export interface Remote {
  readonly host: string;
  readonly port: number;
  /** Others get nothing as long as one of a lower priority can be reached. */
  readonly priority: number;
  /** Its share among those of its priority; where all have 0, they take turns. */
  readonly weight: number;
}

/** One connection in so many goes to a remote without weight, beside some that have one. */
const CONNECTIONS_FOR_ONE_WITHOUT_WEIGHT = 100;

/** Chooses for each connection where it goes, of those remotes that have not failed. */
export class Remotes {
  readonly all: readonly Remote[];
  readonly #random: () => number;
  readonly #failed = new Set<Remote>();
  #turns = 0;

  constructor(all: readonly Remote[], random: () => number) {
    this.all = all;
    this.#random = random;
  }

  get failed(): readonly Remote[] {
    return [...this.#failed];
  }

  markFailed(remote: Remote): void {
    this.#failed.add(remote);
  }

  markWell(remote: Remote): void {
    this.#failed.delete(remote);
  }

  /** undefined when all have failed. */
  choose(): Remote | undefined {
    const well = this.all.filter((remote) => !this.#failed.has(remote));
    const best = Math.min(...well.map(({ priority }) => priority));
    const candidates = well.filter(({ priority }) => priority === best);
    const weighted = candidates.filter(({ weight }) => weight > 0);
    const weightless = candidates.filter(({ weight }) => weight === 0);
    if (weighted.length === 0) return this.#inTurn(weightless);
    if (weightless.length > 0 && this.#below(CONNECTIONS_FOR_ONE_WITHOUT_WEIGHT) === 0) {
      return this.#inTurn(weightless);
    }
    return this.#byWeight(weighted);
  }

  #inTurn(remotes: readonly Remote[]): Remote | undefined {
    return remotes[this.#turns++ % remotes.length];
  }

  #byWeight(remotes: readonly Remote[]): Remote {
    let left = this.#below(remotes.reduce((sum, { weight }) => sum + weight, 0));
    return (
      remotes.find(({ weight }) => {
        left -= weight;
        return left < 0;
      }) ?? remotes.at(-1)!
    );
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
}
