import type { Clock } from "@quorate/storage/seams/clock";
import type { Random } from "@quorate/storage/seams/random";
import type { IssuedToken, TokenHolder, Tokens } from "./tokens.ts";

export interface SimpleTokensOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** So long after it was last used a token holds no longer. */
  readonly ttlMs: number;
  readonly appliedIndex: () => number;
  /** Resolves when the state reflects the entry with this index, `signal` has fired, the time is over, or the member stops. */
  readonly untilApplied: (index: number, timeoutMs: number, signal: AbortSignal) => Promise<unknown>;
}

interface Kept {
  readonly token: string;
  readonly holder: TokenHolder;
  deadlineMs: number;
  /** The deadline by which it stands where it does among the others. */
  rankedMs: number;
}

const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const PREFIX_LETTERS = 16;
/** At the end of a token. */
const INDEX = /^[0-9]{1,20}$/;
const MAX_INDEX = 2n ** 64n - 1n;
/** A token keeps its place among the others until its deadline has moved by this. */
const RANKED_EVERY_MS = 1_000;
/** So long its own entry may be behind the one before. */
const OWN_ENTRY_MS = 1_000;

/**
 * Tokens that are chance and the index of a log entry. All members that apply the next entry know the token; one that is behind
 * waits for it. Each member for itself forgets what is not used there.
 */
export class SimpleTokens implements Tokens {
  readonly #options: SimpleTokensOptions;
  /** Those first that will hold no longer first, within `RANKED_EVERY_MS`. */
  readonly #kept = new Map<string, Kept>();
  /** What was used last, as long as it is kept, by the text that it was shown as: usually that is used next, too. */
  #last: Kept | undefined = undefined;
  #lastShown = "";

  constructor(options: SimpleTokensOptions) {
    this.#options = options;
  }

  newPrefix(): string {
    let prefix = "";
    for (let i = 0; i < PREFIX_LETTERS; i++) prefix += LETTERS[this.#options.random.below(LETTERS.length)];
    return prefix;
  }

  assigned(token: IssuedToken): void {
    const nowMs = this.#options.clock.nowMs();
    this.#forgetUnused(nowMs);
    const holder = { username: token.username, authRevision: undefined };
    const deadlineMs = nowMs + this.#options.ttlMs;
    const text = textOf(token);
    this.#last = undefined;
    this.#kept.set(text, { token: text, holder, deadlineMs, rankedMs: deadlineMs });
  }

  issue(token: IssuedToken): Promise<string> {
    return Promise.resolve(textOf(token));
  }

  isExamined(token: string): boolean {
    if (this.#find(token) !== undefined) return true;
    const index = indexOf(token);
    return index === undefined || index < this.#options.appliedIndex();
  }

  async examine(token: string, signal: AbortSignal): Promise<void> {
    const index = indexOf(token);
    if (index === undefined) return;
    await this.#options.untilApplied(index, Number.POSITIVE_INFINITY, signal);
    // Its own entry is the next one, if it is a token: others are not to wait for long.
    await this.#options.untilApplied(index + 1, OWN_ENTRY_MS, signal);
  }

  holderOf(token: string): TokenHolder | undefined {
    const kept = this.#find(token);
    if (kept === undefined) return undefined;
    const nowMs = this.#options.clock.nowMs();
    if (kept.deadlineMs <= nowMs) {
      this.#forget(kept);
      return undefined;
    }
    kept.deadlineMs = nowMs + this.#options.ttlMs;
    if (kept.deadlineMs - kept.rankedMs >= RANKED_EVERY_MS) {
      kept.rankedMs = kept.deadlineMs;
      this.#kept.delete(kept.token);
      this.#kept.set(kept.token, kept);
    }
    return kept.holder;
  }

  dropUser(username: string): void {
    for (const kept of this.#kept.values()) if (kept.holder.username === username) this.#forget(kept);
  }

  dropAll(): void {
    this.#kept.clear();
    this.#last = undefined;
  }

  /** Hot. The text of a client's next call is often the same object, which is compared at once. */
  #find(token: string): Kept | undefined {
    if (this.#last !== undefined && token === this.#lastShown) return this.#last;
    const kept = this.#kept.get(token);
    if (kept !== undefined) {
      this.#last = kept;
      this.#lastShown = token;
    }
    return kept;
  }

  #forget(kept: Kept): void {
    this.#kept.delete(kept.token);
    this.#last = undefined;
  }

  #forgetUnused(nowMs: number): void {
    for (const kept of this.#kept.values()) {
      if (kept.deadlineMs > nowMs) return;
      this.#forget(kept);
    }
  }
}

function textOf({ prefix, index }: IssuedToken): string {
  return `${prefix}.${index}`;
}

/** Of the entry before that of a token; undefined for what has not the form of one. */
function indexOf(token: string): number | undefined {
  const dot = token.indexOf(".");
  const digits = token.slice(dot + 1);
  if (dot < 0 || !INDEX.test(digits)) return undefined;
  const index = BigInt(digits);
  return index <= MAX_INDEX ? Number(index) : undefined;
}
