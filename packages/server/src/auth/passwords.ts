import { RequestError } from "../errors.ts";
import { type PasswordHasher, REAL_CRYPTOGRAPHY } from "./cryptography.ts";

/** What bcrypt looks at. */
const MAX_PASSWORD_BYTES = 72;
/** Of the few threads that the disk is written with, too. */
const MAX_AT_THE_SAME_TIME = 2;

/** Hashes passwords, and compares them with hashes: a few at a time, others wait. */
export class Passwords {
  readonly #cost: number;
  readonly #load: () => Promise<PasswordHasher>;
  #loading: Promise<PasswordHasher> | undefined = undefined;
  #busy = 0;
  readonly #waiting: (() => void)[] = [];

  /** `cost` is bcrypt's, 4 to 31. */
  constructor(cost: number, load = REAL_CRYPTOGRAPHY.loadPasswordHasher) {
    this.#cost = cost;
    this.#load = load;
  }

  /** As text, with the version that all members write. Rejects with PASSWORD_TOO_LONG, and with CANCELED if `isWanted` is false by then. */
  async hash(password: string, isWanted: () => boolean): Promise<string> {
    if (Buffer.byteLength(password) > MAX_PASSWORD_BYTES) throw new RequestError("PASSWORD_TOO_LONG");
    const hash = await this.#run(isWanted, (hasher) => hasher.hash(password, this.#cost));
    return hash.replace(/^\$2[by]\$/, "$2a$$");
  }

  /** Whether `hash`, as it is stored, is one of the password. Rejects with CANCELED if `isWanted` is false by then. */
  async matches(password: string, hash: Uint8Array, isWanted: () => boolean): Promise<boolean> {
    const text = Buffer.from(hash.buffer, hash.byteOffset, hash.length).toString("latin1");
    return this.#run(isWanted, (hasher) => hasher.verify(password, text).catch(() => false));
  }

  async #run<Result>(
    isWanted: () => boolean,
    work: (hasher: PasswordHasher) => Promise<Result>,
  ): Promise<Result> {
    this.#loading ??= this.#load();
    const hasher = await this.#loading;
    if (this.#busy === MAX_AT_THE_SAME_TIME) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    } else this.#busy += 1;
    try {
      if (!isWanted()) throw new RequestError("CANCELED");
      return await work(hasher);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#busy -= 1;
      else next();
    }
  }
}
