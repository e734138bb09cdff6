import type { Term } from "@quorate/raft";
import { assert } from "@quorate/storage/assert";
import { failpoints } from "@quorate/storage/failpoints";
import type { Revision } from "@quorate/storage/seams/backend";
import type { Clock } from "@quorate/storage/seams/clock";
import type { Random } from "@quorate/storage/seams/random";
import { compareBytes } from "../keys/bytes.ts";
import type { Change } from "../keys/change.ts";
import { CatchUp } from "./catch-up.ts";
import { Delivery } from "./delivery.ts";
import { Fifo } from "./fifo.ts";
import { type Lags, mostBehind } from "./lag.ts";
import type { WatchMetrics } from "./metrics.ts";
import { RecentChanges, type RevisionEvents } from "./recent-changes.ts";
import { ControlResponses, type Headers } from "./responses.ts";
import { retreat } from "./retreat.ts";
import type { WatchSink } from "./sink.ts";
import type { WatchSource } from "./source.ts";
import { type Authorize, WatchStream } from "./stream.ts";
import { LOOK, TurnBudget } from "./turn-budget.ts";
import { WatchEvent } from "./watch-event.ts";
import { REMOVED, UNSYNCED, type Watcher } from "./watcher.ts";
import { WatcherIndex } from "./watcher-index.ts";

export interface WatchHubOptions {
  readonly source: WatchSource;
  readonly clock: Clock;
  readonly random: Random;
  readonly headers: Headers;
  /** The member's current raft term. */
  readonly raftTerm: () => Term;
  /** Responses of this size and more are split for watchers that allow it; `--max-request-bytes` + 524288. */
  readonly fragmentBytes: number;
  /** Milliseconds between progress notices; a stream adds up to a tenth of it. */
  readonly progressIntervalMs: number;
  /** Messages a turn of the loop may produce before the rest waits for the next turn. Default: 4096. */
  readonly messagesPerTurn?: number;
  /** Asked before each message with events or progress: milliseconds to hold its stream up. Default: the failpoint. */
  readonly beforeSend?: () => number;
}

/** Undefined in a process without failpoints. */
const failpointBeforeSend =
  failpoints === undefined ? undefined : () => failpoints!.hitSync("beforeSendWatchResponse");

/** About two milliseconds. */
const MESSAGES_PER_TURN = 4096;
/** Watchers of closed streams that are taken out in one turn before anything else is done. */
const DROPS_AT_ONCE = 1024;
/** What one costs, in messages. */
const DROP = 2;
const RECENT_TRANSACTIONS = 8192;
const RECENT_BYTES = 8 * 1024 * 1024;

/**
 * Hands the changes the store has applied to the watchers of this member.
 *
 * A watcher is synced or behind. Synced ones are handed each write transaction as it is applied. One whose stream is
 * full, or that starts in the past, is behind: nothing is kept for it but its position, from which it reads history
 * when its stream has room (`CatchUp`). When many watchers make delivery slower than the writes, transactions wait in
 * `recent`, and when they no longer fit there, everyone reads history. So memory is bounded whatever clients do.
 *
 * A turn of the loop hands on so much and no more (`TurnBudget`): in between a transaction has been handed to some of
 * those who watch it, and what comes after it waits as it does for a transaction that waits itself.
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
  /** Streams with watchers that are behind, those that have been so for longest first. */
  readonly laggingStreams = new Set<WatchStream>();

  private readonly random: Random;
  private readonly progressIntervalMs: number;
  /** Synced watchers have been handed every revision up to this one. */
  private delivered: Revision;
  /** The revision that some of them have been handed, or have fallen behind of; -1 outside of a turn's end. */
  private underWay = -1;
  readonly budget: TurnBudget;
  private readonly delivery = new Delivery(this);
  /** In place of a delivery: watchers fall behind. */
  private retreat: Generator<number> | undefined = undefined;
  /** Closed streams that still have watchers. */
  private readonly closed = new Fifo<WatchStream>();
  private readonly waiting = new Set<WatchStream>();

  constructor(options: WatchHubOptions) {
    this.source = options.source;
    this.clock = options.clock;
    this.random = options.random;
    this.budget = new TurnBudget(options.clock, options.messagesPerTurn ?? MESSAGES_PER_TURN, () =>
      this.goOn(),
    );
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
    this.metrics.streams += 1;
    return stream;
  }

  /**
   * The changes of one applied write transaction, in the order it made them; never empty. Called once for each, in the
   * order of revisions, when `source.currentRevision` is already `main`. Takes ownership of `changes`.
   */
  onChanges(main: Revision, changes: readonly Change[]): void {
    if (this.index.isEmpty) {
      this.nobodyWaits(main);
      return;
    }
    const { hasBacklog } = this;
    this.assertNext(main);
    const entry = this.watchedPart(main, changes, hasBacklog);
    if (entry === undefined) {
      if (!hasBacklog) this.delivered = main;
      return;
    }
    this.recent.push(entry);
    if (!hasBacklog && !this.budget.isSpent) this.deliver(entry, changes.length === 1);
    else if (this.recent.firstRevision > Math.max(this.delivered, this.underWay) + 1)
      this.everyoneReadsHistory(main);
  }

  /**
   * In place of `onChanges`, for a transaction that is too large to be delivered in one turn: who watches a key from
   * `lowest` to `highest`, or to the end of the key space, reads it from history.
   */
  onManyChanges(main: Revision, lowest: Uint8Array, highest: Uint8Array | undefined): void {
    const { hasBacklog } = this;
    this.assertNext(main);
    this.recent.reset(main + 1);
    // Older transactions that wait would have to be kept beside the hole that this one leaves.
    if (hasBacklog) this.everyoneReadsHistory(main);
    else this.beginRetreat(main, lowest, highest);
  }

  private assertNext(main: Revision): void {
    assert(main === this.source.currentRevision, "changes are handed over when they are in sight");
    assert(main > this.delivered && main > this.underWay, "no transaction is handed over twice");
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
    if (this.underWay >= 0) return true;
    return this.recent.length > 0 && this.recent.at(this.recent.length - 1).main > this.delivered;
  }

  /** How far streams and watchers are behind, for metrics. */
  mostBehind(): Lags {
    return mostBehind(this.laggingStreams, this.source.currentRevision);
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
    if (this.index.isEmpty) this.nobodyWaits(this.source.currentRevision);
  }

  register(watcher: Watcher): void {
    this.index.add(watcher);
    this.metrics.watchers += 1;
  }

  /** Takes a watcher out for good; its stream counts it no more. */
  unregister(watcher: Watcher): void {
    assert(watcher.state !== REMOVED, "a watcher is taken out once");
    this.index.remove(watcher);
    this.metrics.watchers -= 1;
    if (watcher.state === UNSYNCED) this.metrics.slowWatchers -= 1;
    watcher.state = REMOVED;
  }

  /** Takes a watcher out of all deliveries, though it still holds its id. */
  forget(watcher: Watcher): void {
    this.index.remove(watcher);
  }

  /** For a stream that has closed: takes its watchers out, now or soon. */
  release(stream: WatchStream): void {
    this.waiting.delete(stream);
    this.metrics.streams -= 1;
    assert(this.metrics.streams >= 0, "a stream is released once");
    this.closed.push(stream);
    if (this.closed.length === 1) this.dropClosed();
  }

  private dropClosed(): void {
    let left = DROPS_AT_ONCE;
    for (;;) {
      const stream = this.closed.first;
      if (stream === undefined) return;
      if (left <= 0 || this.budget.isSpent) return;
      const dropped = stream.dropWatchers(left);
      left -= dropped + LOOK;
      this.budget.spend(dropped * DROP + LOOK);
      if (!stream.hasWatchers) this.closed.shift();
    }
  }

  private nobodyWaits(current: Revision): void {
    this.stop();
    this.recent.reset(current + 1);
    this.delivered = current;
  }

  /** Most changes are watched by nobody; they cost the look and nothing else. Only one is found for a delivery. */
  private watchedPart(
    main: Revision,
    changes: readonly Change[],
    hasBacklog: boolean,
  ): RevisionEvents | undefined {
    const { index } = this;
    if (changes.length === 1 && !hasBacklog) {
      return this.delivery.find(changes[0]!.key)
        ? { main, events: [new WatchEvent(changes[0]!)] }
        : undefined;
    }
    let events: WatchEvent[] | undefined;
    for (let i = 0; i < changes.length; i++) {
      const change = changes[i]!;
      if (!index.isWatched(change.key)) continue;
      if (events === undefined) events = [new WatchEvent(change)];
      else events.push(new WatchEvent(change));
    }
    return events === undefined ? undefined : { main, events };
  }

  /** Begins to deliver a transaction. `isFound`: the delivery knows who watches its only change. */
  private deliver(entry: RevisionEvents, isFound: boolean): void {
    if (this.delivery.begin(entry, isFound)) {
      this.underWay = entry.main;
      this.finish();
      return;
    }
    // Those whom it concerns find it among the recent changes.
    let lowest = entry.events[0]!.change.key;
    let highest = lowest;
    for (const { change } of entry.events) {
      if (compareBytes(change.key, lowest) < 0) lowest = change.key;
      if (compareBytes(change.key, highest) > 0) highest = change.key;
    }
    this.beginRetreat(entry.main, lowest, highest);
  }

  /** Positions stay, what is under way or waits is given up: whoever was synced falls behind. */
  private everyoneReadsHistory(current: Revision): void {
    this.stop();
    this.beginRetreat(current, NO_BYTES, undefined);
  }

  private beginRetreat(main: Revision, lowest: Uint8Array, highest: Uint8Array | undefined): void {
    this.retreat = retreat(this, lowest, highest, this.delivered + 1, main);
    this.underWay = main;
    this.finish();
  }

  private stop(): void {
    this.delivery.end();
    this.retreat = undefined;
    this.underWay = -1;
  }

  /** Goes on with what is under way. False: the turn has had enough. */
  private finish(): boolean {
    if (this.underWay < 0) return true;
    if (this.retreat === undefined ? !this.delivery.goOn() : !this.goOnRetreating(this.retreat)) return false;
    this.retreat = undefined;
    assert(this.underWay >= this.delivered, "what has been delivered stays delivered");
    this.delivered = this.underWay;
    this.underWay = -1;
    return true;
  }

  private goOnRetreating(steps: Generator<number>): boolean {
    while (!this.budget.isSpent) {
      const step = steps.next();
      if (step.done) return true;
      this.budget.spend(step.value);
    }
    return false;
  }

  /** In each turn after one in which something was done. */
  private goOn(): void {
    this.dropClosed();
    if (!this.finish()) return;
    if (this.hasBacklog) {
      for (let i = this.recent.indexOf(this.delivered + 1); i < this.recent.length; i++) {
        if (this.budget.isSpent) return;
        this.deliver(this.recent.at(i), false);
        if (this.underWay >= 0) return;
      }
      // What came meanwhile and is watched by nobody counts too.
      this.delivered = this.source.currentRevision;
    }
    for (const stream of this.waiting) {
      if (this.budget.isSpent) return;
      this.waiting.delete(stream);
      stream.backlogDelivered();
      this.budget.spend(1);
    }
  }
}

const NO_BYTES = new Uint8Array(0);
