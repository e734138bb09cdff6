import { createHmac, hkdfSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { BackupError } from "../errors.ts";

const KEY_BYTES = 32;
export const KEY_ID_BYTES = 8;

/** What a store's objects are encrypted with. */
export interface BackupKey {
  readonly bytes: Uint8Array;
  /** Tells keys from each other, and nothing of them: an object names the one that opens it. */
  readonly id: Uint8Array;
}

/** Of 32 bytes as they are, or 64 hexadecimal digits, or base64 of 32 bytes. Throws BackupError. */
export function readKeyFile(file: string): BackupKey {
  let content: Buffer;
  try {
    content = readFileSync(file);
  } catch (error) {
    throw new BackupError("KEY", `cannot read the key file ${file}: ${(error as Error).message}`);
  }
  const bytes = keyBytes(content);
  if (bytes !== undefined) return makeKey(bytes);
  const hint = "make one with: head -c 32 /dev/urandom | base64 > FILE";
  throw new BackupError(
    "KEY",
    `${file} is no key: it has to be 32 bytes, in base64, hexadecimal or raw (${hint})`,
  );
}

function makeKey(bytes: Uint8Array): BackupKey {
  const id = createHmac("sha256", bytes).update("quorate backup key id").digest().subarray(0, KEY_ID_BYTES);
  return { bytes, id };
}

/** The key of one object: no two objects have the same, however often one of a name is put. */
export function objectKey(key: BackupKey, salt: Uint8Array, name: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", key.bytes, salt, `quorate backup object\0${name}`, KEY_BYTES));
}

function keyBytes(content: Buffer): Buffer | undefined {
  if (content.length === KEY_BYTES) return content;
  const text = content.toString("latin1").trim();
  if (/^[0-9a-fA-F]{64}$/.test(text)) return Buffer.from(text, "hex");
  if (/^[A-Za-z0-9+/]{43}=?$/.test(text)) return Buffer.from(text, "base64");
  return undefined;
}
