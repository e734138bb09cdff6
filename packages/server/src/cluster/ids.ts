import { createHash } from "node:crypto";

/**
 * A member's ID: the first 8 bytes of SHA-1 over its sorted peer URLs, the cluster's token and, for a member that is
 * added later, the time of that in Unix seconds. Never 0.
 */
export function memberId(peerUrls: readonly string[], token: string, addedAtSeconds?: number): bigint {
  const text =
    peerUrls.toSorted().join("") + token + (addedAtSeconds === undefined ? "" : String(addedAtSeconds));
  return firstEightBytes(Buffer.from(text));
}

/** A cluster's ID: the first 8 bytes of SHA-1 over its initial members' IDs in ascending order. */
export function clusterId(memberIds: readonly bigint[]): bigint {
  const bytes = Buffer.alloc(memberIds.length * 8);
  memberIds
    .toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0))
    .forEach((id, i) => {
      bytes.writeBigUInt64BE(id, i * 8);
    });
  return firstEightBytes(bytes);
}

/** Lower-case hex without leading zeros, as IDs are printed everywhere. */
export function formatId(id: bigint): string {
  return id.toString(16);
}

function firstEightBytes(input: Buffer): bigint {
  return createHash("sha1").update(input).digest().readBigUInt64BE(0);
}
