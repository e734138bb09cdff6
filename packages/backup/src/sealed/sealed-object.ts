import { randomBytes } from "node:crypto";
import { BackupError } from "../errors.ts";
import { ByteReader } from "./byte-reader.ts";
import { type ChunkCipher, checksums, encryption, LAST } from "./chunk-cipher.ts";
import { type BackupKey, KEY_ID_BYTES } from "./key.ts";

/**
 * The form of every object: `QBK1`, a byte (0 plain, 1 encrypted), 16 random bytes and the key's ID (zeros when plain); then
 * chunks of a head (u32, the content's length, the highest bit set on the last), the content and its tag.
 */
const MAGIC = "QBK1";
const PLAIN = 0;
const ENCRYPTED = 1;
const SALT_BYTES = 16;
const HEADER_BYTES = MAGIC.length + 1 + SALT_BYTES + KEY_ID_BYTES;
const HEAD_BYTES = 4;
export const CHUNK_BYTES = 64 * 1024;

/** The object called `name` with this content. With a key it is encrypted. */
export async function* seal(
  name: string,
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  key: BackupKey | undefined,
): AsyncGenerator<Uint8Array, void> {
  const salt = randomBytes(SALT_BYTES);
  const kind = Buffer.of(key === undefined ? PLAIN : ENCRYPTED);
  yield Buffer.concat([Buffer.from(MAGIC), kind, salt, key?.id ?? Buffer.alloc(KEY_ID_BYTES)]);
  const cipher = cipherOf(key, salt, name);
  let index = 0;
  const chunk = (bytes: Uint8Array, last: number): Uint8Array => {
    const head = (bytes.length | last) >>> 0;
    const { body, tag } = cipher.seal(index++, head, bytes);
    const headBytes = Buffer.alloc(HEAD_BYTES);
    headBytes.writeUInt32BE(head);
    return Buffer.concat([headBytes, body, tag]);
  };
  let rest: Uint8Array = new Uint8Array(0);
  for await (const bytes of content) {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    let at = 0;
    for (; rest.length - at >= CHUNK_BYTES; at += CHUNK_BYTES)
      yield chunk(rest.subarray(at, at + CHUNK_BYTES), 0);
    rest = rest.subarray(at);
  }
  yield chunk(rest, LAST);
}

/** What was sealed as `name`, chunk by chunk: each is what it was when it comes. Throws BackupError. */
export async function* unseal(
  name: string,
  object: AsyncIterable<Uint8Array>,
  key: BackupKey | undefined,
): AsyncGenerator<Uint8Array, void> {
  const reader = new ByteReader(object);
  try {
    const header = await reader.read(HEADER_BYTES);
    const cipher = openingCipher(name, header, key);
    for (let index = 0; ; index++) {
      const headBytes = await reader.read(HEAD_BYTES);
      if (headBytes.length < HEAD_BYTES) throw cutOff(name);
      const head = Buffer.from(headBytes).readUInt32BE();
      const length = (head & ~LAST) >>> 0;
      if (length > CHUNK_BYTES) throw damaged(name, `chunk ${index} has a length that none has`);
      const body = await reader.read(length + cipher.tagBytes);
      if (body.length < length + cipher.tagBytes) throw cutOff(name);
      const content = cipher.open(index, head, body.subarray(0, length), body.subarray(length));
      if (content === undefined) throw damaged(name, `chunk ${index} is not what was written there`);
      if (content.length > 0) yield content;
      if (head >= LAST) break;
    }
    if ((await reader.read(1)).length > 0) throw damaged(name, "something follows behind its end");
  } finally {
    await reader.end();
  }
}

function cipherOf(key: BackupKey | undefined, salt: Uint8Array, name: string): ChunkCipher {
  return key === undefined ? checksums(salt, name) : encryption(key, salt, name);
}

function openingCipher(name: string, header: Uint8Array, key: BackupKey | undefined): ChunkCipher {
  if (header.length < HEADER_BYTES) throw cutOff(name);
  const kind = header[MAGIC.length];
  if (Buffer.from(header.subarray(0, MAGIC.length)).toString("latin1") !== MAGIC || kind! > ENCRYPTED)
    throw damaged(name, "it does not begin like an object of a backup");
  const salt = header.subarray(MAGIC.length + 1, MAGIC.length + 1 + SALT_BYTES);
  const keyId = header.subarray(HEADER_BYTES - KEY_ID_BYTES);
  if (kind === ENCRYPTED) {
    if (key === undefined)
      throw new BackupError("KEY", `${name} is encrypted: --key-file has to name its key`);
    if (Buffer.compare(keyId, key.id) !== 0)
      throw new BackupError("KEY", `${name} is encrypted with another key than that of --key-file`);
  } else if (keyId.some((byte) => byte !== 0)) {
    throw damaged(name, "it does not begin like an object of a backup");
  } else if (key !== undefined) {
    throw new BackupError(
      "KEY",
      `${name} is not encrypted, and with --key-file nothing is taken that is not`,
    );
  }
  return cipherOf(key, salt, name);
}

function cutOff(name: string): BackupError {
  return damaged(name, "it has been cut off");
}

function damaged(name: string, what: string): BackupError {
  return new BackupError("DAMAGED", `${name} is damaged: ${what}`);
}
