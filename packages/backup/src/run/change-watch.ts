import { type Client, WatchCanceled } from "@quorate/client";
import { Event, encodeMessage } from "@quorate/wire/messages";
import type { ArchiveWriter } from "../archive/archive-writer.ts";
import { byRevision } from "../archive/revisions.ts";
import { ChainBroken } from "./chain-broken.ts";
import type { LeaseArchiver } from "./leases.ts";
import { MemberTurns } from "./member-turns.ts";
import { pause } from "./pause.ts";
import type { BackupSettings } from "./settings.ts";

/** How often a member is asked how far the watch has come. */
const ASK_EVERY_MS = 300;
/** So long without a word from it, and another one is asked; twice as long each time that it was in vain. */
const SILENT_MS = 1_000;
const LONGEST_SILENT_MS = 30_000;
/** Nor is it asked again so soon: while the others elect a leader they refuse, and would be passed over for it. */
const LEFT_OUT_MS = 10_000;
const RETRY_MS = 200;
const LONGEST_RETRY_MS = 5_000;
/** Of each member, until it is asked less often. */
const QUICK_RETRIES = 3;
const ALL_KEYS = { key: "\0", rangeEnd: "\0" };

/** Watches all keys, and hands every change to the archive once. */
export class ChangeWatch {
  readonly #settings: BackupSettings;
  readonly #writer: ArchiveWriter;
  readonly #leases: LeaseArchiver;
  /** What the last archived revision has to look like once more, before anything is added to it. */
  #expected: readonly Event[];
  #silentMs = SILENT_MS;
  #isSilent = false;
  #heard = false;

  constructor(
    settings: BackupSettings,
    writer: ArchiveWriter,
    leases: LeaseArchiver,
    expected: readonly Event[],
  ) {
    this.#settings = settings;
    this.#writer = writer;
    this.#leases = leases;
    this.#expected = expected;
  }

  /** Goes on over members that come and go until `signal`. Rejects with ChainBroken when changes are missing. */
  async run(signal: AbortSignal): Promise<void> {
    const { endpoints, connect, log } = this.#settings;
    const members = new MemberTurns(endpoints.length);
    let failures = 0;
    while (!signal.aborted) {
      const first = members.next(performance.now());
      this.#heard = false;
      this.#isSilent = false;
      try {
        await using client = await connect([...endpoints.slice(first), ...endpoints.slice(0, first)]);
        await this.#watch(client, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof ChainBroken) throw error;
        log("warn", "the watch has ended; another one begins", { error: (error as Error).message });
      }
      if (this.#isSilent) members.leaveOut(first, performance.now() + LEFT_OUT_MS);
      failures = this.#heard ? 0 : failures + 1;
      await pause(retryMs(failures, endpoints.length), signal);
    }
  }

  async #watch(client: Client, signal: AbortSignal): Promise<void> {
    // From what is archived already: a watch that begins in the future is not told how far it has come.
    const request = { ...ALL_KEYS, startRevision: BigInt(this.#writer.revision), fragment: true };
    const watcher = client.watch(request, { requireLeader: true, signal });
    let heardAtMs = performance.now();
    let isBusy = false;
    const timer = setInterval(() => {
      if (!isBusy && performance.now() - heardAtMs > this.#silentMs) {
        this.#isSilent = true;
        watcher.close();
        client.close();
      } else if (!isBusy) watcher.requestProgress();
    }, ASK_EVERY_MS);
    try {
      for await (const { header, events } of watcher) {
        this.#heard = true;
        isBusy = true;
        if (events.length > 0) await this.#take(events, header.raftTerm);
        else if (this.#expected.length === 0 && Number(header.revision) === this.#writer.revision)
          this.#writer.reached();
        isBusy = false;
        heardAtMs = performance.now();
      }
    } catch (error) {
      if (error instanceof WatchCanceled && (error.response?.compactRevision ?? 0n) > 0n)
        throw new ChainBroken(
          `revisions from ${this.#writer.revision + 1} on were compacted before they were archived`,
        );
      throw error;
    } finally {
      clearInterval(timer);
    }
    this.#silentMs = this.#isSilent ? Math.min(this.#silentMs * 2, LONGEST_SILENT_MS) : SILENT_MS;
    if (this.#isSilent) throw new Error("the member says nothing");
  }

  async #take(events: readonly Event[], term: bigint): Promise<void> {
    const fresh = this.#behindArchive(events);
    if (fresh.length === 0) return;
    await this.#writer.add(fresh, term);
    this.#settings.metrics.archivedEvents.inc(fresh.length);
    await this.#leases.see(fresh);
  }

  /** Those that are not archived yet. Throws ChainBroken when they do not follow what is. */
  #behindArchive(events: readonly Event[]): readonly Event[] {
    let last = this.#writer.revision;
    const fresh: Event[] = [];
    for (const { revision, events: changed } of byRevision(events)) {
      if (this.#expected.length > 0) {
        if (revision !== last || !isSame(changed, this.#expected))
          throw new ChainBroken(`revision ${last} of the cluster is not the one that is archived`);
        this.#expected = [];
      }
      if (revision <= last) continue;
      if (revision !== last + 1)
        throw new ChainBroken(`revisions ${last + 1} to ${revision - 1} did not come`);
      fresh.push(...changed);
      last = revision;
    }
    return fresh;
  }
}

function retryMs(failures: number, members: number): number {
  const slow = Math.max(0, failures - QUICK_RETRIES * members);
  return Math.min(RETRY_MS * 2 ** slow, LONGEST_RETRY_MS);
}

function isSame(events: readonly Event[], others: readonly Event[]): boolean {
  return (
    events.length === others.length &&
    events.every(
      (event, i) => Buffer.compare(encodeMessage(Event, event), encodeMessage(Event, others[i]!)) === 0,
    )
  );
}
