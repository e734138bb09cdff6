import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { JwtKey } from "../auth/json-web-tokens.ts";
import { isSymmetric, type JwtSettings } from "../config/auth-token.ts";
import { ConfigError } from "../config/errors.ts";

/** What tokens are signed with, undefined where that is done elsewhere, and verified with. */
export interface TokenKeys {
  readonly signKey: JwtKey | undefined;
  readonly verifyKey: JwtKey;
}

/** Reads the keys of tokens, once, at a start. Rejects with `ConfigError`. */
export async function loadTokenKeys(settings: JwtSettings): Promise<TokenKeys> {
  const { algorithm, publicKeyFile, privateKeyFile } = settings;
  const given = await readKey(privateKeyFile);
  if (isSymmetric(algorithm)) {
    if (given === undefined || given.length === 0) throw new ConfigError("auth: missing key data");
    const secret = new Uint8Array(given);
    return { signKey: secret, verifyKey: secret };
  }
  const signKey = parse(given, createPrivateKey);
  const publicKey = parse(await readKey(publicKeyFile), createPublicKey);
  if (signKey === undefined) {
    if (publicKey === undefined) throw new ConfigError("auth: missing key data");
    return { signKey, verifyKey: publicKey };
  }
  const own = createPublicKey(signKey);
  if (publicKey !== undefined && !publicKey.equals(own)) {
    throw new ConfigError("auth: public and private keys don't match");
  }
  return { signKey, verifyKey: own };
}

async function readKey(path: string): Promise<Buffer | undefined> {
  if (path === "") return undefined;
  try {
    return await readFile(path);
  } catch {
    throw new ConfigError("auth: invalid auth options");
  }
}

/** PEM of any kind, a certificate too. What is wrong with it is not told: it is a secret. */
function parse(pem: Buffer | undefined, read: (pem: Buffer) => KeyObject): KeyObject | undefined {
  if (pem === undefined || pem.length === 0) return undefined;
  try {
    return read(pem);
  } catch {
    throw new ConfigError("auth: the key of tokens cannot be read");
  }
}
