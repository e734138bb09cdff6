import { createHash, createHmac } from "node:crypto";
import type { Cryptography } from "@quorate/server/simulation";
import type { Clock } from "@quorate/storage/seams/clock";

/** Of what members of a cluster sign tokens with. */
const TOKEN_SECRET = new Uint8Array(Buffer.from("of all members"));

/** What all members sign and verify with. The same object each time: they are never replaced. */
export const TOKEN_KEYS = { signKey: TOKEN_SECRET, verifyKeys: [TOKEN_SECRET] };
const PASSWORD_MS = 40;
const SIGNATURE_MS = 1;

/** What a password's hash is here: the same one each time, in bcrypt's form. */
export function passwordHash(password: string): string {
  return `$2a$04$${createHash("sha384").update(password).digest("base64url").slice(0, 53)}`;
}

/** Hashes and signatures that are made at once, and take their time of the world all the same. */
export function simulatedCryptography(clock: Pick<Clock, "setTimer">): Cryptography {
  const later = <Result>(delayMs: number, make: () => Result): Promise<Result> =>
    new Promise((resolve, reject) => {
      clock.setTimer(delayMs, () => {
        try {
          resolve(make());
        } catch (error) {
          reject(error);
        }
      });
    });
  return {
    loadPasswordHasher: () =>
      Promise.resolve({
        hash: (password) => later(PASSWORD_MS, () => passwordHash(password)),
        verify: (password, hash) => later(PASSWORD_MS, () => passwordHash(password) === hash),
      }),
    loadTokenSigner: () =>
      Promise.resolve({
        sign: (claims) => later(SIGNATURE_MS, () => signed(Buffer.from(JSON.stringify(claims)))),
        payloadOf: (token) => later(SIGNATURE_MS, () => payloadOf(token)),
      }),
  };
}

function signed(payload: Uint8Array): string {
  const text = `${part({ alg: "HS256", typ: "JWT" })}.${Buffer.from(payload).toString("base64url")}`;
  return `${text}.${createHmac("sha256", TOKEN_SECRET).update(text).digest("base64url")}`;
}

function payloadOf(token: string): Uint8Array {
  const payload = Buffer.from(token.split(".")[1] ?? "", "base64url");
  if (signed(payload) !== token) throw new Error("the token is not signed by a member");
  return payload;
}

function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
