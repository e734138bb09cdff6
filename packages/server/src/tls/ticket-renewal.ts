import { randomFillSync } from "node:crypto";
import type { SecureContext } from "node:tls";

/** What OpenSSL is told of a ticket. */
const FAILED = -1;
const UNKNOWN_KEY = 0;
const SEALED = 1;
const OPENED_AND_RENEWED = 2;

const PART_BYTES = 16;
/** Vectors are made so many at once: to ask for a few octets costs as much as for many. */
const VECTORS_MADE_AT_ONCE = 64;

type Verdict = readonly [verdict: number, hmac?: Buffer, aes?: Buffer, name?: Buffer, vector?: Buffer];

/** What the runtime has of a context, and shows nowhere else. */
interface NativeContext {
  /** Asked for each ticket that is sealed or opened. What it throws ends the process. */
  onticketkeycallback?: (name: Buffer, vector: Buffer, isSealed: boolean) => Verdict;
  enableTicketKeyCallback?: () => void;
}

/**
 * Whoever resumes a session gets a ticket for the next time. By itself the runtime has OpenSSL make one for whole handshakes only,
 * and as clients use a ticket of TLS 1.3 once, every other connection would have a whole one. `keys` are the 48 octets of
 * `setTicketKeys`; tickets are the same as without. Where the runtime has not what this takes, all stays as it is.
 */
export function renewTickets(context: SecureContext, keys: Buffer): void {
  const native = context.context as NativeContext;
  if (typeof native.enableTicketKeyCallback !== "function") return;
  const part = (index: number) => Buffer.from(keys.subarray(index * PART_BYTES, (index + 1) * PART_BYTES));
  const [name, hmac, aes] = [part(0), part(1), part(2)];
  const unknown: Verdict = [UNKNOWN_KEY, hmac, aes];
  const opened: Verdict = [OPENED_AND_RENEWED, hmac, aes];
  const vectors = new Vectors();
  native.onticketkeycallback = (shown, _vector, isSealed) => {
    if (!isSealed) return shown.equals(name) ? opened : unknown;
    try {
      return [SEALED, hmac, aes, name, vectors.next()];
    } catch {
      // Without chance no handshake comes to an end, this one neither.
      return [FAILED];
    }
  };
  native.enableTicketKeyCallback();
}

/** Initialization vectors: chance, each used once. */
class Vectors {
  readonly #pool = Buffer.alloc(VECTORS_MADE_AT_ONCE * PART_BYTES);
  #used = this.#pool.length;

  /** Valid until so many others have been made. */
  next(): Buffer {
    if (this.#used === this.#pool.length) {
      randomFillSync(this.#pool);
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += PART_BYTES;
    return this.#pool.subarray(start, this.#used);
  }
}
