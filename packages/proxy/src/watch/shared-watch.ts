import type { GrpcStatus } from "@quorate/rpc/status";
import type { ResponseHeader, WatchResponse } from "@quorate/wire/messages";
import type { Members } from "../members/members.ts";
import type { Prefix } from "../namespace/prefix.ts";
import { strippedEvent } from "../namespace/responses.ts";
import type { ProxiedWatcher, WatcherSource } from "./proxied-watcher.ts";
import { SharedResponse } from "./shared-response.ts";
import { UpstreamWatch, type WatchedKeys } from "./upstream-watch.ts";

/** What becomes of the watchers of a watch, for those who keep account of it. */
export interface SharedWatchOwner {
  /** It has come further: perhaps another one of the same keys is as far. */
  advanced(watch: SharedWatch): void;
  /** It has nobody any more, and has been closed. */
  ended(watch: SharedWatch): void;
  /** This watcher is to go on, and this watch is of no use for it. */
  adrift(watcher: ProxiedWatcher): void;
}

/** One watch of a member for several of clients. Nobody is waited for: who cannot take an event leaves it. */
export class SharedWatch implements WatcherSource {
  readonly #prefix: Prefix;
  readonly #owner: SharedWatchOwner;
  readonly #upstream: UpstreamWatch;
  readonly #watchers = new Set<ProxiedWatcher>();
  readonly #progressWaiters = new Set<(header: ResponseHeader) => void>();
  /** Where it began, 0 for what comes next. */
  readonly startRevision: bigint;
  /** All before has been handed to its watchers; 0 as long as it is not known where it begins. */
  nextRevision: bigint;
  /** A member has said that it has begun. */
  created = false;
  closed = false;
  /** Events that went to more than one watcher, each counted as often as that saved one. */
  static coalescedEvents = 0;

  constructor(
    members: Members,
    keys: WatchedKeys,
    prefix: Prefix,
    startRevision: bigint,
    owner: SharedWatchOwner,
  ) {
    this.#prefix = prefix;
    this.#owner = owner;
    this.startRevision = startRevision;
    this.nextRevision = startRevision;
    this.#upstream = new UpstreamWatch(members, keys, this);
  }

  get watchers(): ReadonlySet<ProxiedWatcher> {
    return this.#watchers;
  }

  /** A watcher that wants what comes from `revision` on (0: next) misses nothing here. */
  suits(revision: bigint): boolean {
    if (this.closed) return false;
    return this.created ? revision !== 0n && this.nextRevision <= revision : this.startRevision === revision;
  }

  add(watcher: ProxiedWatcher): void {
    this.#watchers.add(watcher);
    watcher.source = this;
  }

  /** The watch ends with its last watcher. */
  remove(watcher: ProxiedWatcher): void {
    if (!this.#watchers.delete(watcher)) return;
    watcher.source = undefined;
    if (this.#watchers.size === 0) this.#close();
  }

  /** Hands all watchers to another one, which has not come further. */
  moveTo(other: SharedWatch): void {
    for (const watcher of this.#watchers) {
      other.add(watcher);
      watcher.moved();
    }
    this.#watchers.clear();
    this.#close();
  }

  requestProgress(answer: (header: ResponseHeader) => void): void {
    this.#progressWaiters.add(answer);
    this.#upstream.requestProgress();
  }

  forgetProgress(answer: (header: ResponseHeader) => void): void {
    this.#progressWaiters.delete(answer);
  }

  onResponse(response: WatchResponse): void {
    if (this.closed) return;
    const { header, created, canceled, events } = response;
    if (canceled) {
      this.#canceled(response);
      return;
    }
    if (created) {
      this.#begun(header);
    } else if (events.length > 0) {
      this.#deliver(header, events);
    } else if (header !== undefined) {
      this.#progress(header, response.watchId);
    }
    if (!this.closed) this.#owner.advanced(this);
  }

  onFailure(status: GrpcStatus): void {
    for (const watcher of [...this.#watchers]) watcher.fail(status);
  }

  #begun(header: ResponseHeader | undefined): void {
    this.created = true;
    if (this.nextRevision === 0n) this.nextRevision = (header?.revision ?? 0n) + 1n;
    for (const watcher of [...this.#watchers]) watcher.begun(header, this.nextRevision);
    // The stream before may have taken the question with it.
    if (this.#progressWaiters.size > 0) this.#upstream.requestProgress();
  }

  #deliver(header: ResponseHeader | undefined, events: WatchResponse["events"]): void {
    const own = this.#prefix.isEmpty ? events : events.map((event) => strippedEvent(this.#prefix, event));
    const response = new SharedResponse(header, own);
    const last = events.at(-1)!.kv?.modRevision ?? 0n;
    // Not the header's: a member that catches up tells there how far it is itself.
    const next = last >= this.nextRevision ? last + 1n : this.nextRevision;
    const takers = [...this.#watchers];
    this.nextRevision = next;
    for (const watcher of takers) {
      if (watcher.canTake) watcher.deliver(response, next);
      else watcher.leaveBehind();
    }
    if (takers.length > 1) SharedWatch.coalescedEvents += takers.length - 1;
  }

  #progress(header: ResponseHeader, watchId: bigint): void {
    if (header.revision >= this.nextRevision) this.nextRevision = header.revision + 1n;
    const isRequested = watchId === -1n;
    for (const watcher of [...this.#watchers]) watcher.progressed(header, this.nextRevision, isRequested);
    if (!isRequested) return;
    const waiters = [...this.#progressWaiters];
    this.#progressWaiters.clear();
    for (const answer of waiters) answer(header);
  }

  #canceled(response: WatchResponse): void {
    const { compactRevision } = response;
    for (const watcher of [...this.#watchers]) {
      this.remove(watcher);
      // What it still lacks has not been removed: only this watch had stayed behind.
      if (compactRevision > 0n && watcher.isCreated && watcher.nextRevision >= compactRevision) {
        this.#owner.adrift(watcher);
      } else watcher.canceled(response);
    }
  }

  #close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#progressWaiters.clear();
    this.#upstream.close();
    this.#owner.ended(this);
  }
}
