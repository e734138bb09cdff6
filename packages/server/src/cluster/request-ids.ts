const SUFFIX_LIMIT = 2 ** 48;
const START_BITS = 40;

/**
 * IDs unique over members and restarts: the low 16 bits of the member's ID, then 48 bits that start at the time in
 * milliseconds (40 bits) times 256 and are incremented for each ID. Waiters on every member are keyed by them.
 */
export class RequestIds {
  readonly #prefix: bigint;
  #suffix: number;

  constructor(memberId: bigint, wallMs: number) {
    this.#prefix = BigInt.asUintN(64, (memberId & 0xffffn) << 48n);
    this.#suffix = (Math.floor(wallMs) % 2 ** START_BITS) * 256;
  }

  /**
   * Those of a member that starts at `wallMs`. Members whose IDs end in the same 16 bits, and that one hand starts at the
   * same time, would count alike; the rest of their IDs sets their counters apart.
   */
  static ofMember(memberId: bigint, wallMs: number): RequestIds {
    return new RequestIds(memberId, wallMs + Number(BigInt.asUintN(START_BITS, memberId >> 16n)));
  }

  next(): bigint {
    this.#suffix = (this.#suffix + 1) % SUFFIX_LIMIT;
    return this.#prefix | BigInt(this.#suffix);
  }
}
