import type { ArchivedItem } from "@quorate/backup";
import { Database, type WriteTransaction } from "@quorate/bbolt";
import { EventType } from "@quorate/client";
import { encodeKeyValue, encodeLeaseRecord, encodeTombstone } from "@quorate/wire/hot";
import { bucketOf, encodeRevisionKey, encodeUint64, KEY } from "../utl/database/buckets.ts";

const LEASE = "lease";
/** Of a transaction: it is in memory until it is committed. */
const BATCH_RECORDS = 5_000;
const BATCH_BYTES = 16 * 1024 * 1024;
const TOMBSTONE_MARK = Buffer.from("t");
/** What a lease gets whose time to live nobody could tell: its keys are to end, as they would have. */
export const UNKNOWN_TTL_SECONDS = 60;

export interface Replayed {
  readonly revisions: number;
  readonly events: number;
  /** Leases with {@link UNKNOWN_TTL_SECONDS}. */
  readonly unknownLeases: number;
}

/**
 * Writes archived changes up to `revision` into the database of a snapshot, as the member would have that made it: the records of the
 * revisions, and the leases. `onRevision` is told of each.
 */
export async function replay(
  file: string,
  items: AsyncIterable<ArchivedItem>,
  revision: number,
  onRevision: (revision: number) => void,
): Promise<Replayed> {
  await using database = await Database.open(file);
  const leases = new Leases(revision);
  let [revisions, events, waiting, bytes] = [0, 0, 0, 0];
  let tx: WriteTransaction | undefined;
  try {
    for await (const item of items) {
      if (item.kind !== "changes") {
        leases.note(item);
        continue;
      }
      tx ??= database.beginWrite();
      const bucket = bucketOf(tx, KEY);
      for (const [sub, { type, kv }] of item.events.entries()) {
        const at = encodeRevisionKey(BigInt(item.revision), BigInt(sub));
        const { key, createRevision, modRevision, version, value, lease } = kv!;
        const isDeletion = type === EventType.DELETE;
        leases.attach(key, isDeletion ? 0n : lease);
        if (isDeletion) bucket.put(Buffer.concat([at, TOMBSTONE_MARK]), encodeTombstone(key));
        else
          bucket.put(
            at,
            encodeKeyValue(
              key,
              Number(createRevision),
              Number(modRevision),
              Number(version),
              value,
              lease,
            ).slice(),
          );
        bytes += key.length + value.length;
      }
      revisions++;
      events += item.events.length;
      waiting += item.events.length;
      onRevision(item.revision);
      if (waiting < BATCH_RECORDS && bytes < BATCH_BYTES) continue;
      await commit();
    }
    tx ??= database.beginWrite();
    const unknownLeases = leases.write(tx);
    await commit();
    return { revisions, events, unknownLeases };
  } finally {
    tx?.[Symbol.dispose]();
  }

  async function commit(): Promise<void> {
    await tx!.commit();
    tx = undefined;
    waiting = 0;
    bytes = 0;
  }
}

/** What the archive tells of leases, as of one revision. */
class Leases {
  readonly #revision: number;
  /** Seconds; those that there are. */
  readonly #there = new Map<bigint, number>();
  /** Seconds, of leases that keys may have. */
  readonly #ttls = new Map<bigint, number>();
  readonly #ended = new Set<bigint>();
  /** By key, as far as it was changed. */
  readonly #attached = new Map<string, bigint>();

  constructor(revision: number) {
    this.#revision = revision;
  }

  note(item: Exclude<ArchivedItem, { kind: "changes" }>): void {
    if (item.kind === "lease") {
      const ttl = Number(item.ttlSeconds);
      if (ttl <= 0) return;
      this.#ttls.set(item.id, ttl);
      if (item.revision > this.#revision) return;
      this.#there.set(item.id, ttl);
      this.#ended.delete(item.id);
    } else if (item.kind === "lease-end" && item.revision <= this.#revision) {
      this.#ended.add(item.id);
      this.#there.delete(item.id);
    }
  }

  attach(key: Uint8Array, lease: bigint): void {
    this.#attached.set(Buffer.from(key).toString("latin1"), lease);
  }

  /** Returns of how many leases nobody knew the time to live. */
  write(tx: WriteTransaction): number {
    const bucket = tx.createBucketIfAbsent(LEASE);
    for (const id of this.#ended) bucket.delete(encodeUint64(BigInt.asUintN(64, id)));
    let unknown = 0;
    for (const id of new Set(this.#attached.values())) {
      if (id === 0n || this.#there.has(id) || bucket.get(encodeUint64(BigInt.asUintN(64, id))) !== undefined)
        continue;
      const ttl = this.#ttls.get(id);
      if (ttl === undefined) unknown++;
      this.#there.set(id, ttl ?? UNKNOWN_TTL_SECONDS);
    }
    for (const [id, ttl] of this.#there)
      bucket.put(encodeUint64(BigInt.asUintN(64, id)), encodeLeaseRecord(id, ttl, 0).slice());
    return unknown;
  }
}
