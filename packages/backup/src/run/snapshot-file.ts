import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import type { Client } from "@quorate/client";
import { BackupError } from "../errors.ts";

const SUM_BYTES = 32;
const SECTOR_BYTES = 512;

export interface SavedSnapshot {
  readonly file: string;
  /** With the sum at its end. */
  readonly bytes: number;
  /** When the state was that of the snapshot, or a moment later. */
  readonly takenAtMs: number;
  /** Of all its bytes, in hexadecimal. */
  readonly sha256: string;
}

/** Has a member send its database to a file, and compares it with the sum that comes behind. Rejects with a ClientError or a BackupError. */
export async function saveSnapshot(
  client: Client,
  file: string,
  signal: AbortSignal,
  onBytes: (done: number, total: number) => void,
  now: () => number,
): Promise<SavedSnapshot> {
  const whole = createHash("sha256");
  const content = new SumBehind();
  let bytes = 0;
  let takenAtMs: number | undefined;
  const handle = await open(file, "w", 0o600);
  try {
    for await (const { blob, remainingBytes } of client.maintenance.snapshot({
      timeoutMs: Number.POSITIVE_INFINITY,
      signal,
    })) {
      // The member has begun to read one state by now.
      takenAtMs ??= now();
      whole.update(blob);
      content.add(blob);
      await handle.writeFile(blob);
      bytes += blob.length;
      onBytes(bytes, bytes + Number(remainingBytes));
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  if (takenAtMs === undefined || bytes % SECTOR_BYTES !== SUM_BYTES || !content.isRight())
    throw new BackupError("DAMAGED", "the member's snapshot is not what its sum says");
  return { file, bytes, takenAtMs, sha256: whole.digest("hex") };
}

/** A file's SHA-256 in hexadecimal. */
export async function hashOf(content: AsyncIterable<Uint8Array>): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of content) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { sha256: hash.digest("hex"), bytes };
}

export function readFileChunks(file: string): AsyncIterable<Uint8Array> {
  return createReadStream(file, { highWaterMark: 256 * 1024 });
}

/** Hashes a stream but for its last bytes, which say what the hash has to be. */
class SumBehind {
  readonly #hash: Hash = createHash("sha256");
  #held: Uint8Array = new Uint8Array(0);

  add(bytes: Uint8Array): void {
    const all = Buffer.concat([this.#held, bytes]);
    const end = Math.max(0, all.length - SUM_BYTES);
    this.#hash.update(all.subarray(0, end));
    this.#held = all.subarray(end);
  }

  isRight(): boolean {
    return Buffer.compare(this.#hash.digest(), this.#held) === 0;
  }
}
