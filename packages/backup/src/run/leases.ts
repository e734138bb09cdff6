import type { Client } from "@quorate/client";
import type { Event } from "@quorate/wire/messages";
import type { ArchiveWriter } from "../archive/archive-writer.ts";

const AT_ONCE = 16;
const ASK_WITHIN_MS = 1_000;
/** A list that shows more new ones is gone on with the next time. */
const MOST_NEW = 2_000;

/** What a client sees of the leases of a cluster: archived beside the changes of keys. */
export class LeaseArchiver {
  readonly #client: Client;
  readonly #writer: ArchiveWriter;
  /** Those that are archived. */
  readonly #known = new Set<bigint>();

  constructor(client: Client, writer: ArchiveWriter) {
    this.#client = client;
    this.#writer = writer;
  }

  /** Archives the leases that these events show for the first time. Those that nobody tells of now are found by a list. */
  async see(events: readonly Event[]): Promise<void> {
    const found = new Map<bigint, number>();
    for (const { kv } of events) {
      if (kv !== undefined && kv.lease !== 0n && !this.#known.has(kv.lease) && !found.has(kv.lease))
        found.set(kv.lease, Number(kv.modRevision));
    }
    await this.#archive([...found]);
  }

  /** Compares with all leases that there are. Rejects with a ClientError. */
  async sweep(): Promise<void> {
    const { header, leases } = await this.#client.lease.list();
    const revision = Number(header!.revision);
    const there = new Set(leases.map(({ ID }) => ID));
    for (const id of this.#known) {
      if (there.has(id)) continue;
      this.#known.delete(id);
      await this.#writer.addLease({ kind: "lease-end", id, revision });
    }
    const added = [...there].filter((id) => !this.#known.has(id)).slice(0, MOST_NEW);
    await this.#archive(added.map((id) => [id, revision]));
  }

  /** Changes of keys wait for this: when nobody answers, what is left is found by a later list. */
  async #archive(found: readonly (readonly [id: bigint, revision: number])[]): Promise<void> {
    for (let at = 0; at < found.length; at += AT_ONCE) {
      const answers = await Promise.all(
        found.slice(at, at + AT_ONCE).map(async ([id, revision]) => {
          const ttlSeconds = await this.#timeToLive(id);
          if (ttlSeconds === undefined) return false;
          await this.#writer.addLease({ kind: "lease", id, ttlSeconds, revision });
          if (ttlSeconds > 0n) this.#known.add(id);
          return true;
        }),
      );
      if (answers.includes(false)) return;
    }
  }

  /** 0 when the lease is gone, undefined when nobody says. */
  async #timeToLive(id: bigint): Promise<bigint | undefined> {
    try {
      const { grantedTTL } = await this.#client.lease.timeToLive({ ID: id }, { timeoutMs: ASK_WITHIN_MS });
      return grantedTTL > 0n ? grantedTTL : 0n;
    } catch {
      return undefined;
    }
  }
}
