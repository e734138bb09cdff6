import type { Message, NodeId } from "../../types.ts";
import type { SeededRandom } from "../seeded-random.ts";

/** Messages between members: in any order, some twice, some never; none between the sides of a partition. */
export class SimNetwork {
  readonly #random: SeededRandom;
  #inFlight: Message[] = [];
  /** The members of one side; empty: no partition. */
  #side: ReadonlySet<NodeId> = new Set();
  dropProbability = 0;
  duplicateProbability = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  get size(): number {
    return this.#inFlight.length;
  }

  partition(side: Iterable<NodeId>): void {
    this.#side = new Set(side);
  }

  heal(): void {
    this.#side = new Set();
    this.dropProbability = 0;
    this.duplicateProbability = 0;
  }

  send(m: Message): void {
    this.#inFlight.push(m);
    if (this.#random.chance(this.duplicateProbability)) this.#inFlight.push(m);
  }

  /** Takes one message out, in order or not. `arrives` is false when it is lost. */
  next(): { message: Message; arrives: boolean } | undefined {
    if (this.#inFlight.length === 0) return undefined;
    const at = this.#random.chance(0.7) ? 0 : this.#random.below(this.#inFlight.length);
    const message = this.#inFlight.splice(at, 1)[0]!;
    const isCut = this.#side.size > 0 && this.#side.has(message.from) !== this.#side.has(message.to);
    return { message, arrives: !isCut && !this.#random.chance(this.dropProbability) };
  }
}
