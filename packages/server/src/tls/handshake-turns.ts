import { TurnBudget } from "@quorate/rpc/server";
import type { TlsSide } from "./certificates.ts";

/**
 * What handshakes may take in one turn of the event loop, in microseconds: the first flight of a client is answered with a
 * signature, the second one is verified, and a thousand clients may send either of them in the same turn.
 */
const MOST_IN_A_TURN = 5_000;

/**
 * What a second flight takes, with what becomes of the connection then. It cannot be measured: the runtime is asked for
 * nothing before it has been looked at. With a client's certificate it takes as long as this, without one less.
 */
const SECOND_FLIGHT_TAKES = 500;

/** A handshake whose first flight has been answered. */
export interface AwaitedFlight {
  /** Reads nothing from the socket until it may go on. */
  hold(): void;
  goOn(): void;
}

/** Has handshakes begin, and end, as a turn has room for them. */
export class HandshakeTurns {
  readonly #budget: TurnBudget;
  readonly #awaited = new Set<AwaitedFlight>();
  readonly #held = new Set<AwaitedFlight>();
  /** Those that go on in this turn: what they take has been spent. */
  readonly #expected = new Set<AwaitedFlight>();

  constructor(budget = new TurnBudget(MOST_IN_A_TURN)) {
    this.#budget = budget;
  }

  /** Calls `begin` now or in a later turn. It must not throw, and says what it has taken. */
  begin(begin: () => void): void {
    if (this.#budget.isSpent) this.#budget.wait(begin);
    else begin();
  }

  /** In microseconds. */
  spend(taken: number): void {
    this.#budget.spend(taken);
  }

  /** From now on a second flight may come. */
  await(flight: AwaitedFlight): void {
    this.#awaited.add(flight);
  }

  /** It has come. When those of a turn have been enough, nobody else's is read in this turn. */
  arrived(flight: AwaitedFlight): void {
    if (this.#expected.delete(flight) || !this.#forget(flight)) return;
    this.#budget.spend(SECOND_FLIGHT_TAKES);
    if (this.#budget.isSpent) this.#holdAll();
  }

  /** It will not come any more. */
  left(flight: AwaitedFlight): void {
    if (!this.#forget(flight)) this.#expected.delete(flight);
  }

  #forget(flight: AwaitedFlight): boolean {
    return this.#awaited.delete(flight) || this.#held.delete(flight);
  }

  #holdAll(): void {
    for (const flight of this.#awaited) {
      flight.hold();
      this.#held.add(flight);
      this.#budget.wait(() => this.#goOn(flight), true);
    }
    this.#awaited.clear();
  }

  /** Whether it has come is not known, so a turn lets no more go on than it has room for. */
  #goOn(flight: AwaitedFlight): void {
    if (!this.#held.delete(flight)) return;
    // What is there is read before the next turn ends. Who sends nothing by then has no claim on a later one.
    if (this.#expected.size === 0) setImmediate(() => this.#expectNoMore());
    this.#expected.add(flight);
    this.#budget.spend(SECOND_FLIGHT_TAKES);
    flight.goOn();
  }

  #expectNoMore(): void {
    for (const flight of this.#expected) this.#awaited.add(flight);
    this.#expected.clear();
  }
}

/** Members do not wait behind clients. */
export const handshakeTurns: Readonly<Record<TlsSide, HandshakeTurns>> = {
  client: new HandshakeTurns(),
  peer: new HandshakeTurns(),
};
