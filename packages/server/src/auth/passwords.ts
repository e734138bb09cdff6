import { RequestError } from "../errors.ts";
import { type PasswordHasher, REAL_CRYPTOGRAPHY } from "./cryptography.ts";
import { FairTurns, type Waiter } from "./fair-turns.ts";

/** What bcrypt looks at. */
const MAX_PASSWORD_BYTES = 72;
/** More processors than that are not for passwords. */
const MAX_AT_THE_SAME_TIME = 2;

export interface Comparison {
  readonly password: string;
  readonly hash: Uint8Array;
}

/** Hashes passwords, and compares them with hashes: a few at a time, others wait for their turns. */
export class Passwords {
  readonly #cost: number;
  readonly #load: () => Promise<PasswordHasher>;
  #loading: Promise<PasswordHasher> | undefined = undefined;
  readonly #turns: FairTurns;

  /** `cost` is bcrypt's, 4 to 31; `atOnce` at most MAX_AT_THE_SAME_TIME. */
  constructor(
    cost: number,
    load = REAL_CRYPTOGRAPHY.loadPasswordHasher,
    atOnce: number = MAX_AT_THE_SAME_TIME,
  ) {
    this.#cost = cost;
    this.#load = load;
    this.#turns = new FairTurns(Math.min(atOnce, MAX_AT_THE_SAME_TIME));
  }

  /** As text, with the version that all members write. Rejects with PASSWORD_TOO_LONG, and with CANCELED when nobody waits any more. */
  async hash(password: string, waiter: Waiter): Promise<string> {
    if (Buffer.byteLength(password) > MAX_PASSWORD_BYTES) throw new RequestError("PASSWORD_TOO_LONG");
    const hash = await this.#run(waiter, (hasher) => hasher.hash(password, this.#cost));
    return hash.replace(/^\$2[by]\$/, "$2a$$");
  }

  /**
   * Whether a hash, as it is stored, is one of the password. What is compared is asked for when it is the waiter's turn:
   * thousands may wait, and cost no more than that until then. Rejects with what `ask` throws, and with CANCELED when nobody
   * waits any more.
   */
  async matches(ask: () => Comparison, waiter: Waiter): Promise<boolean> {
    return this.#run(waiter, async (hasher) => {
      const { password, hash } = ask();
      const text = Buffer.from(hash.buffer, hash.byteOffset, hash.length).toString("latin1");
      return hasher.verify(password, text).catch(() => false);
    });
  }

  async #run<Result>(waiter: Waiter, work: (hasher: PasswordHasher) => Promise<Result>): Promise<Result> {
    this.#loading ??= this.#load();
    const hasher = await this.#loading;
    await this.#turns.take(waiter);
    try {
      return await work(hasher);
    } finally {
      this.#turns.end();
    }
  }
}
