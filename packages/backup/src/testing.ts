import { EventType } from "@quorate/client";
import type { Event } from "@quorate/wire/messages";
import type { SegmentHead } from "./archive/records.ts";
import { encodeRecord } from "./archive/records.ts";
import { segmentName } from "./catalog/names.ts";
import { BackupError } from "./errors.ts";
import type { BackupKey } from "./sealed/key.ts";
import { seal } from "./sealed/sealed-object.ts";
import type { ObjectStore, StoredObject } from "./store/object-store.ts";

export const CLUSTER = "00000000000000c1";
export const CHAIN = "01700000000000-0000000a";

/** Objects in memory. */
export class MemoryStore implements ObjectStore {
  readonly where = "memory";
  readonly objects = new Map<string, Buffer>();
  /** Whether puts fail. */
  isAway = false;
  puts = 0;

  async put(name: string, content: AsyncIterable<Uint8Array>): Promise<void> {
    this.puts++;
    const bytes = Buffer.concat(await Array.fromAsync(content));
    if (this.isAway) throw new BackupError("STORE", "the store is away");
    this.objects.set(name, bytes);
  }

  async *get(name: string): AsyncGenerator<Uint8Array, void> {
    const bytes = this.objects.get(name);
    if (bytes === undefined) throw new BackupError("MISSING", `${name} is not in memory`);
    yield bytes;
  }

  async list(prefix: string): Promise<readonly StoredObject[]> {
    return [...this.objects]
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, { length }]) => ({ name, bytes: length }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async remove(name: string): Promise<void> {
    this.objects.delete(name);
  }

  async tidy(): Promise<void> {}
}

/** A put of key `k` in a revision. */
export function put(revision: number, value = ""): Event {
  const kv = {
    key: Buffer.from("k"),
    createRevision: 2n,
    modRevision: BigInt(revision),
    version: BigInt(revision - 1),
    value: Buffer.from(value),
    lease: 0n,
  };
  return { type: EventType.PUT, kv, prevKv: undefined };
}

/** Puts a segment with these revisions into a store; returns its name. */
export async function putSegment(
  store: ObjectStore,
  revisions: readonly number[],
  { writer = "0000000a", key, head }: { writer?: string; key?: BackupKey; head?: Partial<SegmentHead> } = {},
): Promise<string> {
  const { name } = segmentName(CLUSTER, CHAIN, revisions[0]!, writer);
  const records = [
    encodeRecord({
      kind: "head",
      version: 1,
      cluster: CLUSTER,
      chain: CHAIN,
      after: revisions[0]! - 1,
      ...head,
    }),
    ...revisions.map((revision) =>
      encodeRecord({ kind: "changes", timeMs: revision * 1_000, term: 2n, events: [put(revision)] }),
    ),
  ];
  await store.put(name, seal(name, records, key));
  return name;
}
