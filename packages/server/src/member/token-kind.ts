import type { Clock } from "@quorate/storage/seams/clock";
import type { Random } from "@quorate/storage/seams/random";
import { type Cryptography, REAL_CRYPTOGRAPHY } from "../auth/cryptography.ts";
import { JsonWebTokens, type TokenKeys } from "../auth/json-web-tokens.ts";
import { SimpleTokens } from "../auth/simple-tokens.ts";
import { NO_TOKENS, type Tokens } from "../auth/tokens.ts";
import type { AuthTokenSettings } from "../config/auth-token.ts";
import type { Consensus } from "../consensus/consensus.ts";

interface TokenSurroundings {
  readonly clock: Clock;
  readonly random: Random;
  readonly tokenKeys?: (() => TokenKeys) | undefined;
  readonly cryptography?: Cryptography;
}

/** The tokens that a member's settings ask for. */
export function tokensFor(
  settings: AuthTokenSettings,
  { clock, random, tokenKeys, cryptography = REAL_CRYPTOGRAPHY }: TokenSurroundings,
  consensus: () => Consensus,
): Tokens {
  if (settings.kind === "simple") {
    return new SimpleTokens({
      clock,
      random,
      ttlMs: settings.ttlMs,
      appliedIndex: () => consensus().appliedIndex,
      untilApplied: (index, timeoutMs, signal) => consensus().waitApplied(index, timeoutMs, signal),
    });
  }
  if (settings.kind === "none" || tokenKeys === undefined) return NO_TOKENS;
  return new JsonWebTokens({ clock, ...settings, keys: tokenKeys, cryptography });
}
