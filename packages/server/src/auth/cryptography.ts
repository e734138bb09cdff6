import type { KeyObject } from "node:crypto";

/** What tokens are signed or verified with: a key, or the secret of a method that has one for both. */
export type JwtKey = KeyObject | Uint8Array;

/** What passwords are hashed and compared with: it takes long, and does not hold up the loop. */
export interface PasswordHasher {
  hash(password: string, cost: number): Promise<string>;
  verify(password: string, hash: string): Promise<boolean>;
}

/** Makes and judges the signatures of tokens. */
export interface TokenSigner {
  /** The token that says `claims`, signed. */
  sign(claims: Readonly<Record<string, unknown>>, algorithm: string, key: JwtKey): Promise<string>;
  /** What a token says, which is no more than JSON. Rejects when `key` has not signed it with `algorithm`. */
  payloadOf(token: string, algorithm: string, key: JwtKey): Promise<Uint8Array>;
}

/** What takes long, and is done by other threads; each is loaded when it is first needed. */
export interface Cryptography {
  loadPasswordHasher(): Promise<PasswordHasher>;
  loadTokenSigner(): Promise<TokenSigner>;
}

export const REAL_CRYPTOGRAPHY: Cryptography = {
  async loadPasswordHasher() {
    const { PasswordThreads } = await import("../system/password-threads.ts");
    return new PasswordThreads();
  },
  async loadTokenSigner() {
    const { compactVerify, SignJWT } = await import("jose");
    return {
      sign: (claims, algorithm, key) =>
        new SignJWT(claims).setProtectedHeader({ alg: algorithm, typ: "JWT" }).sign(key),
      payloadOf: async (token, algorithm, key) =>
        (await compactVerify(token, key, { algorithms: [algorithm] })).payload,
    };
  },
};
