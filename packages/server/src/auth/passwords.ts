import { RequestError } from "../errors.ts";
import { type PasswordHasher, REAL_CRYPTOGRAPHY } from "./cryptography.ts";
import { FairTurns, type Waiter } from "./fair-turns.ts";

/** What bcrypt looks at. */
const MAX_PASSWORD_BYTES = 72;
/** Of the few threads that the disk is written with, too. */
const MAX_AT_THE_SAME_TIME = 2;

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

  /** Whether `hash`, as it is stored, is one of the password. Rejects with CANCELED when nobody waits any more. */
  async matches(password: string, hash: Uint8Array, waiter: Waiter): Promise<boolean> {
    const text = Buffer.from(hash.buffer, hash.byteOffset, hash.length).toString("latin1");
    return this.#run(waiter, (hasher) => hasher.verify(password, text).catch(() => false));
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
