import type { Clock } from "@quorate/storage/seams/clock";
import { RequestError } from "../errors.ts";
import { type Cryptography, type JwtKey, REAL_CRYPTOGRAPHY } from "./cryptography.ts";
import type { IssuedToken, TokenHolder, Tokens } from "./tokens.ts";

export interface JsonWebTokensOptions {
  readonly clock: Pick<Clock, "wallMs">;
  /** As tokens name it: `RS256` and so on. */
  readonly algorithm: string;
  /** Those of now: another object when they have been replaced. */
  readonly keys: () => TokenKeys;
  readonly ttlMs: number;
  /** So many tokens that have been verified are not verified again. Default 8,192. */
  readonly maxKept?: number;
  readonly cryptography?: Cryptography;
}

export interface TokenKeys {
  /** Undefined: tokens are made elsewhere, and only verified here. */
  readonly signKey: JwtKey | undefined;
  /** A token is one that any of them proves. So a new key can be made known everywhere before somebody signs with it. */
  readonly verifyKeys: readonly JwtKey[];
}

interface Verified {
  readonly holder: TokenHolder;
  /** Unix seconds; Infinity for a token without an end. */
  readonly expires: number;
}

const DEFAULT_MAX_KEPT = 8_192;
/** A longer one is none of ours: it is not looked at. */
const MAX_TOKEN_LENGTH = 65_536;

/**
 * Signed tokens: whoever has the key knows who they are of, and nobody needs to remember them. They name the revision of
 * the permissions at which they were made, and prove nothing for the keys after a change of these.
 */
export class JsonWebTokens implements Tokens {
  readonly #options: JsonWebTokensOptions;
  /** By `#keys`; what was used last is last. */
  readonly #verified = new Map<string, Verified>();
  /** The last one in it, when it was used and not only verified: it need not be put there again. */
  #last: string | undefined = undefined;
  #keys: TokenKeys;

  constructor(options: JsonWebTokensOptions) {
    this.#options = options;
    this.#keys = options.keys();
  }

  get #cryptography(): Cryptography {
    return this.#options.cryptography ?? REAL_CRYPTOGRAPHY;
  }

  newPrefix(): string {
    return "";
  }

  assigned(): void {}

  async issue({ username, authRevision }: IssuedToken): Promise<string> {
    const { algorithm, ttlMs } = this.#options;
    const { signKey } = this.#options.keys();
    if (signKey === undefined) throw new RequestError("VERIFY_ONLY_KEY");
    const signer = await this.#cryptography.loadTokenSigner();
    const exp = Math.floor((this.#options.clock.wallMs() + ttlMs) / 1_000);
    return signer.sign({ exp, revision: authRevision, username }, algorithm, signKey);
  }

  isExamined(token: string): boolean {
    this.#forgetOfOtherKeys();
    return this.#verified.has(token) || token.length > MAX_TOKEN_LENGTH;
  }

  async examine(token: string): Promise<void> {
    this.#forgetOfOtherKeys();
    const signer = await this.#cryptography.loadTokenSigner();
    const keys = this.#keys;
    for (const key of keys.verifyKeys) {
      try {
        const payload = await signer.payloadOf(token, this.#options.algorithm, key);
        const claims: unknown = JSON.parse(Buffer.from(payload).toString());
        const verified = this.#verify(claims as Readonly<Record<string, unknown>>);
        // The keys may have been replaced meanwhile.
        if (verified !== undefined && keys === this.#keys) this.#keep(token, verified);
        return;
      } catch {
        // It proves nothing by this key. Why not, and what it says, concerns nobody.
      }
    }
  }

  holderOf(token: string): TokenHolder | undefined {
    this.#forgetOfOtherKeys();
    const verified = this.#verified.get(token);
    if (verified === undefined) return undefined;
    if (this.#options.clock.wallMs() >= verified.expires * 1_000) {
      this.#verified.delete(token);
      return undefined;
    }
    if (token !== this.#last) {
      this.#verified.delete(token);
      this.#verified.set(token, verified);
      this.#last = token;
    }
    return verified.holder;
  }

  /** Of changes it is the revision that tells. */
  dropUser(): void {}
  dropAll(): void {}

  /** Undefined when the claims of a token are not those of one, or when it does not hold yet. */
  #verify({
    username,
    revision,
    exp = Number.POSITIVE_INFINITY,
    nbf = 0,
  }: Readonly<Record<string, unknown>>): Verified | undefined {
    if (typeof username !== "string" || typeof revision !== "number") return undefined;
    if (typeof exp !== "number" || typeof nbf !== "number") return undefined;
    if (nbf * 1_000 > this.#options.clock.wallMs()) return undefined;
    // As it will be in the log: what is no text there must not be another user here.
    const holder = { username: username.toWellFormed(), authRevision: toRevision(revision) };
    return { holder, expires: exp };
  }

  #forgetOfOtherKeys(): void {
    const keys = this.#options.keys();
    if (keys === this.#keys) return;
    this.#keys = keys;
    this.#verified.clear();
  }

  #keep(token: string, verified: Verified): void {
    this.#last = undefined;
    this.#verified.set(token, verified);
    if (this.#verified.size <= (this.#options.maxKept ?? DEFAULT_MAX_KEPT)) return;
    const [oldest] = this.#verified.keys();
    this.#verified.delete(oldest!);
  }
}

/** Any JSON number: a revision is an integer, which may not be above those of numbers. */
function toRevision(number: number): number {
  return Math.min(Math.max(Math.trunc(number), 0), Number.MAX_SAFE_INTEGER);
}
