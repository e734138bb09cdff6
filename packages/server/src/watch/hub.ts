import { failpoints } from "../failpoints/index.ts";
import type { Clock } from "../seams/clock.ts";
import type { Random } from "../seams/random.ts";
import { CatchUp } from "./catch-up.ts";
import type { WatchMetrics } from "./metrics.ts";
import { RecentChanges, type RevisionEvents } from "./recent-changes.ts";
import { ControlResponses, EventsBody, type Headers } from "./responses.ts";
import type { WatchSink } from "./sink.ts";
import type { Change, WatchSource } from "./source.ts";
import { type Authorize, WatchStream } from "./stream.ts";
import { WatchEvent } from "./watch-event.ts";
import { REMOVED, SYNCED, UNSYNCED, type WatchedRange, type Watcher } from "./watcher.ts";
import { WatcherIndex } from "./watcher-index.ts";

export interface WatchHubOptions {
  readonly source: WatchSource;
  readonly clock: Clock;
  readonly random: Random;
  readonly headers: Headers;
  /** The member's current raft term. */
  readonly raftTerm: () => number;
  /** Responses of this size and more are split for watchers that allow it; `--max-request-bytes` + 524288. */
  readonly fragmentBytes: number;
  /** Milliseconds between progress notices; a stream adds up to a tenth of it. */
  readonly progressIntervalMs: number;
  /** Asked before each message with events or progress: milliseconds to hold its stream up. Default: the failpoint. */
  readonly beforeSend?: () => number;
}

/** Undefined in a process without failpoints. */
const failpointBeforeSend =
  failpoints === undefined ? undefined : () => failpoints!.hitSync("beforeSendWatchResponse");

/** Messages a turn of the loop may produce before the rest waits for the next turn; about two milliseconds. */
const MESSAGES_PER_TURN = 4096;
/** A message that is encoded counts once more for each so many bytes of it: 16 MiB are a turn. */
const BYTES_PER_MESSAGE = 4096;
/** A transaction's messages are made in one turn up to so many bytes; for what is more, watchers read history. */
const BYTES_PER_DELIVERY = 16 * 1024 * 1024;
/** The same for the events of one message, when there are several: previous values may be much larger than changes. */
const BYTES_PER_BODY = 4 * 1024 * 1024;
const RECENT_TRANSACTIONS = 8192;
const RECENT_BYTES = 8 * 1024 * 1024;

/**
 * Hands the changes the store has applied to the watchers of this member.
 *
 * A watcher is synced or behind. Synced ones are handed each write transaction as it is applied. One whose stream is
 * full, or that starts in the past, is behind: nothing is kept for it but its position, from which it reads history
 * when its stream has room (`CatchUp`). When many watchers make delivery slower than the writes, transactions wait in
 * `recent`, and when they no longer fit there, everyone reads history. So memory is bounded whatever clients do.
 */
export class WatchHub {
  readonly metrics: WatchMetrics = {
    streams: 0,
    watchers: 0,
    slowWatchers: 0,
    eventsTotal: 0,
    pendingEvents: 0,
  };
  /** The rest is for the streams and the catch-up. */
  readonly source: WatchSource;
  readonly clock: Clock;
  readonly fragmentBytes: number;
  readonly beforeSend: (() => number) | undefined;
  readonly responses: ControlResponses;
  readonly index = new WatcherIndex();
  readonly recent: RecentChanges;
  readonly catchUp: CatchUp;

  private readonly random: Random;
  private readonly progressIntervalMs: number;
  private readonly streams = new Set<WatchStream>();
  /** Synced watchers have been handed every revision up to this one. */
  private delivered: number;
  private delivering = false;
  private readonly released: WatchStream[] = [];
  private readonly waiting = new Set<WatchStream>();
  private turnOpen = false;
  private turnMessages = 0;
  // Reused from delivery to delivery.
  private readonly ranges: WatchedRange[] = [];
  private readonly touched: Watcher[] = [];

  constructor(options: WatchHubOptions) {
    this.source = options.source;
    this.clock = options.clock;
    this.random = options.random;
    this.fragmentBytes = options.fragmentBytes;
    this.progressIntervalMs = options.progressIntervalMs;
    this.beforeSend = options.beforeSend ?? failpointBeforeSend;
    this.responses = new ControlResponses(options.headers, options.raftTerm);
    this.delivered = options.source.currentRevision;
    this.recent = new RecentChanges(this.delivered + 1, RECENT_TRANSACTIONS, RECENT_BYTES);
    this.catchUp = new CatchUp(this);
  }

  /** `authorize` is asked at each create request; without it everything is allowed. */
  openStream(sink: WatchSink, authorize?: Authorize): WatchStream {
    const spreadMs = Math.floor(this.progressIntervalMs / 10);
    const periodMs = this.progressIntervalMs + (spreadMs > 0 ? this.random.below(spreadMs) : 0);
    const stream = new WatchStream(this, sink, authorize, periodMs);
    this.streams.add(stream);
    this.metrics.streams += 1;
    return stream;
  }

  /**
   * The changes of one applied write transaction, in the order it made them; never empty. Called once for each, in the
   * order of revisions, when `source.currentRevision` is already `main`. Takes ownership of `changes`.
   */
  onChanges(main: number, changes: readonly Change[]): void {
    if (this.index.isEmpty) {
      this.recent.reset(main + 1);
      this.delivered = main;
      return;
    }
    const entry = this.watchedPart(main, changes);
    const { hasBacklog } = this;
    if (entry === undefined) {
      if (!hasBacklog) this.delivered = main;
      return;
    }
    this.recent.push(entry);
    if (!hasBacklog && this.turnMessages < MESSAGES_PER_TURN) this.deliver(entry, changes.length === 1);
    else if (this.recent.firstRevision > this.delivered + 1) this.everyoneReadsHistory(main);
  }

  /**
   * In place of `onChanges`, for a transaction that is too large to be delivered in one turn: who watches a key from
   * `lowest` to `highest`, or to the end of the key space, reads it from history.
   */
  onManyChanges(main: number, lowest: Uint8Array, highest: Uint8Array | undefined): void {
    // Else older transactions wait for everyone, and would have to be kept beside the hole that this one leaves.
    if (this.hasBacklog) this.everyoneReadsHistory(main);
    else {
      for (const { watchers } of this.index.overlapping(lowest, highest)) {
        for (const watcher of watchers) {
          if (watcher.state !== SYNCED || watcher.next > main) continue;
          watcher.next = main;
          watcher.stream.fallBehind(watcher);
          this.catchUp.schedule(watcher.stream);
        }
      }
    }
    this.recent.reset(main + 1);
    this.delivered = main;
  }

  /** The store was replaced by a snapshot: watchers keep their positions and read on in the new store. */
  storeReplaced(): void {
    const current = this.source.currentRevision;
    this.catchUp.abandonScans();
    this.everyoneReadsHistory(current);
    this.recent.reset(current + 1);
  }

  /** Whether transactions have been applied that synced watchers have not been handed yet. */
  get hasBacklog(): boolean {
    return this.recent.length > 0 && this.recent.at(this.recent.length - 1).main > this.delivered;
  }

  /** Calls `stream.backlogDelivered` when there is no backlog any more. */
  whenDelivered(stream: WatchStream): void {
    this.waiting.add(stream);
  }

  /** While nobody watches, the store need not make changes for us: see `hasListener`. */
  hasListener(): boolean {
    return !this.index.isEmpty;
  }

  /** To be called before a range is looked up for a new watcher: what nobody watched was not told of. */
  skipUnwatched(): void {
    if (!this.index.isEmpty) return;
    this.delivered = this.source.currentRevision;
    this.recent.reset(this.delivered + 1);
  }

  register(watcher: Watcher): void {
    this.index.add(watcher);
    this.metrics.watchers += 1;
  }

  /** Takes a watcher out for good; its stream counts it no more. */
  unregister(watcher: Watcher): void {
    this.index.remove(watcher);
    this.metrics.watchers -= 1;
    if (watcher.state === UNSYNCED) this.metrics.slowWatchers -= 1;
    watcher.state = REMOVED;
  }

  /** Takes a watcher out of all deliveries, though it still holds its id. */
  forget(watcher: Watcher): void {
    this.index.remove(watcher);
  }

  /** For a stream that has closed. A delivery goes through lists of watchers, so it ends before they change. */
  release(stream: WatchStream): void {
    if (this.delivering) {
      this.released.push(stream);
      return;
    }
    this.streams.delete(stream);
    this.waiting.delete(stream);
    this.metrics.streams -= 1;
    stream.dropWatchers();
  }

  /** Most changes are watched by nobody; they cost the look and nothing else. */
  private watchedPart(main: number, changes: readonly Change[]): RevisionEvents | undefined {
    const { ranges, index } = this;
    let events: WatchEvent[] | undefined;
    for (let i = 0; i < changes.length; i++) {
      const change = changes[i]!;
      ranges.length = 0;
      index.collect(change.key, ranges);
      if (ranges.length === 0) continue;
      if (events === undefined) events = [new WatchEvent(change)];
      else events.push(new WatchEvent(change));
    }
    return events === undefined ? undefined : { main, events };
  }

  /** `looked`: the only change's ranges lie in `ranges` already. */
  private deliver(entry: RevisionEvents, looked: boolean): void {
    this.delivering = true;
    if (entry.events.length === 1) this.deliverOne(entry.main, entry.events[0]!, looked);
    else this.deliverMany(entry.main, entry.events);
    this.delivering = false;
    for (let i = 0; i < entry.events.length; i++) entry.events[i]!.forgetBytes();
    this.delivered = entry.main;
    if (this.released.length > 0) for (const stream of this.released.splice(0)) this.release(stream);
  }

  /** The hot case: one change, so each watcher concerned gets one response with one event. */
  private deliverOne(main: number, event: WatchEvent, looked: boolean): void {
    const { ranges } = this;
    const { deleted } = event.change;
    let plain: EventsBody | undefined;
    let full: EventsBody | undefined;
    let sent = 0;
    if (!looked) {
      ranges.length = 0;
      this.index.collect(event.change.key, ranges);
    }
    for (let r = 0; r < ranges.length; r++) {
      const { watchers } = ranges[r]!;
      for (let w = 0; w < watchers.length; w++) {
        const watcher = watchers[w]!;
        if (watcher.state !== SYNCED || watcher.next > main) continue;
        const { stream, options } = watcher;
        if (deleted ? options.noDelete : options.noPut) continue;
        if (stream.full) {
          watcher.next = main;
          stream.fallBehind(watcher);
          continue;
        }
        let body: EventsBody;
        if (options.prevKv) {
          full ??= new EventsBody(this.responses.header(main), [event.bytesWithPrevious(this.source)]);
          body = full;
        } else {
          plain ??= new EventsBody(this.responses.header(main), [event.bytes()]);
          body = plain;
        }
        watcher.next = main + 1;
        stream.sendBody(watcher, body);
        sent += 1;
      }
    }
    if (sent > 0) this.countMessages(sent, (plain?.encodedBytes ?? 0) + (full?.encodedBytes ?? 0));
  }

  private deliverMany(main: number, events: readonly WatchEvent[]): void {
    const { touched } = this;
    this.match(main, events);
    // Watchers that match the same changes share a body; undefined: it is too large.
    const bodies = new Map<string, EventsBody | undefined>();
    let encodedBytes = 0;
    for (let t = 0; t < touched.length; t++) {
      const watcher = touched[t]!;
      const matched = watcher.matched!;
      watcher.matched = undefined;
      const { stream } = watcher;
      const body =
        stream.full || encodedBytes >= BYTES_PER_DELIVERY
          ? undefined
          : this.bodyOf(main, matched, watcher.options.prevKv, bodies);
      if (body === undefined) {
        watcher.next = main;
        stream.fallBehind(watcher);
        this.catchUp.schedule(stream);
        continue;
      }
      watcher.next = main + 1;
      const before = body.encodedBytes;
      stream.sendBody(watcher, body);
      encodedBytes += body.encodedBytes - before;
    }
    if (touched.length > 0) this.countMessages(touched.length, encodedBytes);
    touched.length = 0;
  }

  private bodyOf(
    main: number,
    events: readonly WatchEvent[],
    prevKv: boolean,
    bodies: Map<string, EventsBody | undefined>,
  ): EventsBody | undefined {
    const first = events[0]!.change.sub;
    const last = events[events.length - 1]!.change.sub;
    // Without gaps the ends tell which events they are.
    const name = last - first + 1 === events.length ? `${first}-${last}${prevKv ? "+" : ""}` : undefined;
    const known = name === undefined ? undefined : bodies.get(name);
    if (known !== undefined || (name !== undefined && bodies.has(name))) return known;
    const encoded: Uint8Array[] = [];
    let bytes = 0;
    for (let i = 0; i < events.length && bytes < BYTES_PER_BODY; i++) {
      const event = prevKv ? events[i]!.bytesWithPrevious(this.source) : events[i]!.bytes();
      encoded.push(event);
      bytes += event.length;
    }
    const body =
      encoded.length < events.length ? undefined : new EventsBody(this.responses.header(main), encoded);
    if (name !== undefined) bodies.set(name, body);
    return body;
  }

  /** Leaves the watchers concerned in `touched`, each with its events in `matched`. */
  private match(main: number, events: readonly WatchEvent[]): void {
    const { ranges, touched } = this;
    for (let e = 0; e < events.length; e++) {
      const event = events[e]!;
      const { deleted } = event.change;
      ranges.length = 0;
      this.index.collect(event.change.key, ranges);
      for (let r = 0; r < ranges.length; r++) {
        const { watchers } = ranges[r]!;
        for (let w = 0; w < watchers.length; w++) {
          const watcher = watchers[w]!;
          if (watcher.state !== SYNCED || watcher.next > main) continue;
          if (deleted ? watcher.options.noDelete : watcher.options.noPut) continue;
          if (watcher.matched !== undefined) {
            watcher.matched.push(event);
            continue;
          }
          watcher.matched = [event];
          touched.push(watcher);
        }
      }
    }
  }

  /** Positions stay, the backlog is given up: whoever was synced is behind now, at `delivered` + 1 or later. */
  private everyoneReadsHistory(current: number): void {
    for (const stream of this.streams) stream.allBehind(this.delivered);
    this.delivered = current;
  }

  private countMessages(sent: number, encodedBytes: number): void {
    this.turnMessages += sent + Math.floor(encodedBytes / BYTES_PER_MESSAGE);
    if (this.turnOpen) return;
    this.turnOpen = true;
    this.clock.soon(() => this.nextTurn());
  }

  private nextTurn(): void {
    this.turnOpen = false;
    this.turnMessages = 0;
    if (this.hasBacklog) {
      for (let i = this.recent.indexOf(this.delivered + 1); i < this.recent.length; i++) {
        if (this.turnMessages >= MESSAGES_PER_TURN) return;
        this.deliver(this.recent.at(i), false);
      }
      // What came meanwhile and is watched by nobody counts too.
      this.delivered = this.source.currentRevision;
    }
    if (this.waiting.size === 0) return;
    const streams = [...this.waiting];
    this.waiting.clear();
    for (const stream of streams) stream.backlogDelivered();
  }
}
