import { createCipheriv, createDecipheriv } from "node:crypto";
import { crc32 } from "node:zlib";
import { type BackupKey, objectKey } from "./key.ts";

/** Set in a chunk's head when no other follows. */
export const LAST = 0x8000_0000;
const NONCE_BYTES = 12;
const GCM_TAG_BYTES = 16;
const CRC_BYTES = 4;

/** Protects the chunks of one object, which are numbered from 0. `head` is a chunk's length, with {@link LAST} or without. */
export interface ChunkCipher {
  readonly tagBytes: number;
  seal(index: number, head: number, content: Uint8Array): { body: Uint8Array; tag: Uint8Array };
  /** The content; undefined when it is not what was sealed in this place. */
  open(index: number, head: number, body: Uint8Array, tag: Uint8Array): Uint8Array | undefined;
}

/** Finds what became different by chance, and nothing that somebody meant to. */
export function checksums(salt: Uint8Array, name: string): ChunkCipher {
  const start = crc32(Buffer.from(name), crc32(salt));
  const tagOf = (index: number, head: number, content: Uint8Array): Buffer => {
    const place = Buffer.alloc(12);
    place.writeBigUInt64BE(BigInt(index));
    place.writeUInt32BE(head, 8);
    const tag = Buffer.alloc(CRC_BYTES);
    tag.writeUInt32BE(crc32(content, crc32(place, start)));
    return tag;
  };
  return {
    tagBytes: CRC_BYTES,
    seal: (index, head, content) => ({ body: content, tag: tagOf(index, head, content) }),
    open: (index, head, body, tag) => (tagOf(index, head, body).equals(tag) ? body : undefined),
  };
}

/** AES-256-GCM: who has no key reads nothing, and changes nothing unnoticed. */
export function encryption(key: BackupKey, salt: Uint8Array, name: string): ChunkCipher {
  const own = objectKey(key, salt, name);
  return {
    tagBytes: GCM_TAG_BYTES,
    seal(index, head, content) {
      const cipher = createCipheriv("aes-256-gcm", own, nonce(index, head));
      cipher.setAAD(headBytes(head));
      const body = Buffer.concat([cipher.update(content), cipher.final()]);
      return { body, tag: cipher.getAuthTag() };
    },
    open(index, head, body, tag) {
      const decipher = createDecipheriv("aes-256-gcm", own, nonce(index, head), {
        authTagLength: GCM_TAG_BYTES,
      });
      decipher.setAAD(headBytes(head));
      decipher.setAuthTag(tag);
      try {
        return Buffer.concat([decipher.update(body), decipher.final()]);
      } catch {
        return undefined;
      }
    },
  };
}

/** A chunk's place, and whether it is the last, so that no chunk stands for another and no end is left out. */
function nonce(index: number, head: number): Uint8Array {
  const bytes = Buffer.alloc(NONCE_BYTES);
  bytes.writeUInt8(head >= LAST ? 1 : 0, 0);
  bytes.writeBigUInt64BE(BigInt(index), 4);
  return bytes;
}

function headBytes(head: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(head);
  return bytes;
}
