import { assert } from "@quorate/storage/assert";
import type { Revision } from "@quorate/storage/seams/backend";
import type { Clock, Timer } from "@quorate/storage/seams/clock";
import { decodeWatchRequest } from "@quorate/wire/hot";
import { decodingText, RequestError, WATCH_REFUSALS } from "../errors.ts";
import { compareBytes } from "../keys/bytes.ts";
import { isFromKey } from "../keys/key-range.ts";
import type { CatchUp } from "./catch-up.ts";
import { Fifo } from "./fifo.ts";
import type { WatchMetrics } from "./metrics.ts";
import {
  type ControlResponses,
  type EventsBody,
  type Fragment,
  fragmentResponse,
  NO_WATCH_ID,
} from "./responses.ts";
import type { WatchSink } from "./sink.ts";
import type { WatchSource } from "./source.ts";
import { LOOK, type TurnBudget } from "./turn-budget.ts";
import { COMPACTED, SYNCED, UNSYNCED, Watcher, type WatcherStream } from "./watcher.ts";
import type { WatcherIndex } from "./watcher-index.ts";

/** What a create request asks for, as far as permission goes. Borrowed bytes. */
export interface WatchedKeys {
  /** An empty key has become the zero byte already. */
  readonly key: Uint8Array;
  /** As sent. */
  readonly rangeEnd: Uint8Array;
}

/** The reason to refuse a create request, as sent to the client, or undefined when it is allowed. */
export type Authorize = (keys: WatchedKeys) => string | undefined;

/** Responses to requests that may wait for a full sink before no more requests are taken. */
const MAX_WAITING_CONTROLS = 16;
/** Requests that came while others waited and are handled in a row. */
const REQUESTS_IN_A_ROW = 256;
const NO_PUT = 0;
const NO_DELETE = 1;
const ZERO_KEY = new Uint8Array(1);
const NO_REST: readonly Uint8Array[] = [];

/** What a stream needs of the hub that has opened it; see `WatchHub`. */
export interface StreamHub {
  readonly metrics: WatchMetrics;
  readonly source: WatchSource;
  readonly clock: Clock;
  readonly fragmentBytes: number;
  readonly beforeSend: (() => number) | undefined;
  readonly responses: ControlResponses;
  readonly index: WatcherIndex;
  readonly catchUp: CatchUp;
  readonly budget: TurnBudget;
  readonly hasBacklog: boolean;
  readonly laggingStreams: Set<WatchStream>;
  whenDelivered(stream: WatchStream): void;
  skipUnwatched(): void;
  register(watcher: Watcher): void;
  unregister(watcher: Watcher): void;
  forget(watcher: Watcher): void;
  release(stream: WatchStream): void;
}

/**
 * One `Watch` call with its watchers. All responses go through one queue, the sink; while the sink is full no event is
 * kept for it: watchers remember where they are and read history later.
 */
export class WatchStream implements WatcherStream {
  // What each delivery looks at lies together: of a crowd of watchers little else would be in the processor's caches.
  private readonly hub: StreamHub;
  private readonly sink: WatchSink;
  /** No event may be added: the sink is full or gone. Read by the hub and the catch-up. */
  full = false;
  /** Read by the catch-up. */
  closed = false;
  /** A failpoint holds the stream up; messages that have to follow wait here. */
  private held: Fragment[] | undefined = undefined;

  /** Called once, when nothing is sent any more. */
  onClose: (() => void) | undefined = undefined;
  private readonly authorize: Authorize | undefined;
  private readonly progressPeriodMs: number;
  private readonly watchers = new Map<bigint, Watcher>();
  private nextId = 0n;
  private readonly controls = new Fifo<Uint8Array>();
  private readonly waitingRequests = new Fifo<Uint8Array>();
  private readingPaused = false;
  /** The next turn goes on with requests that wait. */
  private handlingLater = false;
  private ticker: Timer | undefined = undefined;
  /** When the last tick was due, or the opening of the stream. */
  private nextTickMs: number;
  /** Events in the message that filled the sink. */
  private pendingEvents = 0;
  /** Watchers whose start revision was still to come when this was last looked at; undefined as long as none was. */
  private future: Set<Watcher> | undefined = undefined;
  /** Watchers that are being told of progress: some may be left for later turns. */
  private progressWalk: Iterator<Watcher> | undefined = undefined;
  private progressAsked = false;
  private tickMissed = false;
  private sinkFull = false;
  /** Watchers behind the current revision, waiting for their turn to read history; some may no longer be. */
  private readonly behind = new Fifo<Watcher>();
  /** Whether the catch-up knows of this stream. */
  scheduled = false;
  /** Watchers that are not synced; the compacted ones count. */
  unsyncedCount = 0;

  /** Made by `WatchHub.openStream`. */
  constructor(hub: StreamHub, sink: WatchSink, authorize: Authorize | undefined, progressPeriodMs: number) {
    this.hub = hub;
    this.sink = sink;
    this.authorize = authorize;
    this.progressPeriodMs = progressPeriodMs;
    this.nextTickMs = hub.clock.nowMs();
  }

  /** Handles one encoded `WatchRequest`, borrowed for the call. Malformed bytes end the stream. */
  receive(request: Uint8Array): void {
    if (this.closed) return;
    if (this.readingPaused) this.waitingRequests.push(request.slice());
    else this.handle(request);
  }

  /** The sink has room again. */
  drained(): void {
    if (this.closed) return;
    this.hub.metrics.pendingEvents -= this.pendingEvents;
    this.pendingEvents = 0;
    this.sinkFull = false;
    if (this.held === undefined) this.goOn();
  }

  /** Releases all watchers; nothing is sent afterwards. For when the call is over. Idempotent. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.full = true;
    this.ticker?.cancel();
    this.hub.laggingStreams.delete(this);
    this.controls.clear();
    this.waitingRequests.clear();
    this.behind.clear();
    this.hub.metrics.pendingEvents -= this.pendingEvents;
    this.pendingEvents = 0;
    this.hub.release(this);
    this.onClose?.();
  }

  /** Ends the call with a gRPC status, for example when the leader is lost. */
  fail(code: number, message: string): void {
    if (this.closed) return;
    this.close();
    this.sink.fail(code, message);
  }

  /** For the hub: takes out watchers that `close` has left behind, at most so many; how many it was. */
  dropWatchers(most: number): number {
    let dropped = 0;
    for (const [id, watcher] of this.watchers) {
      if (dropped >= most) break;
      this.watchers.delete(id);
      this.hub.unregister(watcher);
      dropped += 1;
    }
    return dropped;
  }

  watchersOfStream(): Iterable<Watcher> {
    return this.watchers.values();
  }

  get hasWatchers(): boolean {
    return this.watchers.size > 0;
  }

  /** For the hub: the watcher goes on by reading history from its `next`. */
  fallBehind(watcher: Watcher): void {
    watcher.state = UNSYNCED;
    watcher.range.moveToBehind(watcher);
    this.unsyncedCount += 1;
    this.hub.laggingStreams.add(this);
    this.hub.metrics.slowWatchers += 1;
    this.queueBehind(watcher);
  }

  /** For the catch-up: the watcher waits for its turn to read history. */
  queueBehind(watcher: Watcher): void {
    if (watcher.queued) return;
    watcher.queued = true;
    this.behind.push(watcher);
  }

  /** For the catch-up: the next watcher to read history, if any. */
  takeBehind(): Watcher | undefined {
    for (;;) {
      const watcher = this.behind.shift();
      if (watcher === undefined) return undefined;
      watcher.queued = false;
      if (watcher.state === UNSYNCED) return watcher;
    }
  }

  get hasBehind(): boolean {
    return this.behind.length > 0;
  }

  /** For the catch-up: the watcher has been handed everything up to the current revision. */
  becomeSynced(watcher: Watcher): void {
    assert(watcher.next > this.hub.source.currentRevision, "a synced watcher has been handed everything");
    watcher.state = SYNCED;
    watcher.range.moveToSynced(watcher);
    this.lessUnsynced();
    this.hub.metrics.slowWatchers -= 1;
  }

  private lessUnsynced(): void {
    this.unsyncedCount -= 1;
    if (this.unsyncedCount === 0) this.hub.laggingStreams.delete(this);
  }

  /** For the catch-up: the history from the watcher's `next` on is no longer there. */
  cancelCompacted(watcher: Watcher, compactRevision: Revision): void {
    this.hub.forget(watcher);
    watcher.state = COMPACTED;
    this.hub.metrics.slowWatchers -= 1;
    this.post(this.hub.responses.compacted(watcher.id, compactRevision), 0);
  }

  /** For the hub and the catch-up: one response with events, in fragments where that was asked for. Not while `full`. */
  sendBody(watcher: Watcher, body: EventsBody): void {
    watcher.progressDue = false;
    const { count } = body;
    if (count < 2 || !watcher.options.fragment) {
      const message = body.message(watcher);
      if (message !== undefined) this.post(message, count);
      else this.post(body.beginning(watcher.id, false), count, body.rest());
      return;
    }
    const fragments = fragmentResponse(body, watcher.id, this.hub.fragmentBytes);
    // The parts of a response follow one another even when the sink fills up meanwhile: clients join neighbours only.
    for (let i = 0; i < fragments.length; i++) {
      const { beginning, rest } = fragments[i]!;
      this.post(beginning, i === 0 ? count : 0, rest);
    }
  }

  /** For the hub: everything applied has been delivered; do what had to wait for it. */
  backlogDelivered(): void {
    if (this.closed) return;
    if (this.tickMissed) {
      this.tickMissed = false;
      this.notifyProgress();
    }
    if (this.progressAsked) {
      this.progressAsked = false;
      this.answerProgress();
    }
  }

  private handle(bytes: Uint8Array): void {
    let request: ReturnType<typeof decodeWatchRequest>;
    try {
      request = decodeWatchRequest(bytes);
    } catch (error) {
      this.fail(...new RequestError("MALFORMED_STREAM_REQUEST", decodingText(error)).status);
      return;
    }
    if (request.kind === 1) this.create(request.create);
    else if (request.kind === 2) this.cancel(request.watchId);
    else if (request.kind === 3) this.answerProgress();
  }

  /** The order of the checks is visible to clients. */
  private create(request: CreateRequest): void {
    const { hub } = this;
    const key = request.key.length === 0 ? ZERO_KEY : request.key;
    const { rangeEnd, startRevision } = request;
    if (startRevision < 0) {
      this.refuse(WATCH_REFUSALS.COMPACTED);
      return;
    }
    // The bytes as sent: a single zero byte asks for everything, and permission for one key must not pass for that.
    const denied = this.authorize?.({ key, rangeEnd });
    if (denied !== undefined) {
      this.refuse(denied);
      return;
    }
    if (rangeEnd.length > 0 && !isFromKey(rangeEnd) && compareBytes(key, rangeEnd) >= 0) {
      this.refuse(WATCH_REFUSALS.EMPTY_RANGE);
      return;
    }
    if (request.watchId !== 0n && this.watchers.has(request.watchId)) {
      this.refuse(WATCH_REFUSALS.DUPLICATE_ID);
      return;
    }
    const id = request.watchId !== 0n ? request.watchId : this.chooseId();

    hub.skipUnwatched();
    const current = hub.source.currentRevision;
    const fromNow = startRevision === 0 || startRevision > current;
    const watcher = new Watcher(
      this,
      id,
      hub.index.rangeOf(key, rangeEnd, current),
      fromNow ? Math.max(current + 1, startRevision) : startRevision,
      {
        startRevision,
        progressNotify: request.progressNotify,
        prevKv: request.prevKv,
        fragment: request.fragment,
        noPut: request.filters.includes(NO_PUT),
        noDelete: request.filters.includes(NO_DELETE),
      },
    );
    this.watchers.set(id, watcher);
    if (startRevision > current) {
      this.future ??= new Set();
      this.future.add(watcher);
    }
    hub.register(watcher);
    this.respond(hub.responses.created(current, id));
    if (!fromNow) {
      this.fallBehind(watcher);
      hub.catchUp.schedule(this);
    }
    if (request.progressNotify && this.ticker === undefined) this.startTicker();
  }

  private refuse(reason: string): void {
    this.respond(this.hub.responses.refused(this.hub.source.currentRevision, reason));
  }

  private chooseId(): bigint {
    while (this.watchers.has(this.nextId)) this.nextId += 1n;
    const id = this.nextId;
    this.nextId += 1n;
    return id;
  }

  private cancel(id: bigint): void {
    const watcher = this.watchers.get(id);
    if (watcher === undefined) return;
    this.watchers.delete(id);
    this.future?.delete(watcher);
    if (watcher.state !== SYNCED) this.lessUnsynced();
    this.hub.unregister(watcher);
    this.respond(this.hub.responses.canceled(this.hub.source.currentRevision, id));
  }

  /** One answer for the whole stream, or none: whoever asked asks again. */
  private answerProgress(): void {
    const { hub } = this;
    if (this.watchers.size === 0 || this.unsyncedCount > 0 || this.full) return;
    if (hub.hasBacklog) {
      this.progressAsked = true;
      hub.whenDelivered(this);
      return;
    }
    const current = hub.source.currentRevision;
    if (this.isFutureWatched(current)) return;
    this.post(hub.responses.progress(current, NO_WATCH_ID), 0);
  }

  /** Each watcher is looked at once after its start, however often this is asked. */
  private isFutureWatched(current: Revision): boolean {
    if (this.future === undefined) return false;
    for (const watcher of this.future) {
      if (watcher.options.startRevision > current) return true;
      this.future.delete(watcher);
    }
    this.future = undefined;
    return false;
  }

  /** Ticks come at a fixed period from the opening of the stream, whenever the first watcher asked for them. */
  private startTicker(): void {
    const nowMs = this.hub.clock.nowMs();
    // Counted on from the last tick: a timer that fires a little early must not give a second tick for one period.
    this.nextTickMs += this.progressPeriodMs;
    if (this.nextTickMs <= nowMs) {
      this.nextTickMs += Math.ceil((nowMs - this.nextTickMs) / this.progressPeriodMs) * this.progressPeriodMs;
    }
    this.ticker = this.hub.clock.setTimer(this.nextTickMs - nowMs, () => this.tick());
  }

  private tick(): void {
    if (this.closed) return;
    this.startTicker();
    if (this.hub.hasBacklog) {
      this.tickMissed = true;
      this.hub.whenDelivered(this);
      return;
    }
    this.notifyProgress();
  }

  private notifyProgress(): void {
    const { hub } = this;
    const current = hub.source.currentRevision;
    this.progressWalk ??= this.watchers.values();
    for (;;) {
      if (hub.budget.isSpent) {
        this.tickMissed = true;
        hub.whenDelivered(this);
        return;
      }
      const { value: watcher, done } = this.progressWalk.next();
      if (done) break;
      if (!watcher.options.progressNotify) {
        hub.budget.spend(LOOK);
        continue;
      }
      hub.budget.spend(1);
      const { progressDue } = watcher;
      watcher.progressDue = true;
      if (!progressDue || this.full) continue;
      if (watcher.state !== SYNCED || watcher.options.startRevision > current) continue;
      this.post(hub.responses.progress(current, watcher.id), 0);
    }
    this.progressWalk = undefined;
  }

  /** A response to a request is never dropped: it waits for room, and then no request is taken for long. */
  private respond(message: Uint8Array): void {
    if (this.closed) return;
    if (!this.full) {
      this.put(message, 0);
      return;
    }
    this.controls.push(message);
    if (this.controls.length < MAX_WAITING_CONTROLS || this.readingPaused) return;
    this.readingPaused = true;
    this.sink.pauseReading();
  }

  private flushControls(): void {
    while (!this.full) {
      const message = this.controls.shift();
      if (message === undefined) return;
      this.put(message, 0);
    }
  }

  private handleWaiting(): void {
    this.handlingLater = false;
    for (let i = 0; i < REQUESTS_IN_A_ROW; i++) {
      if (this.closed || this.controls.length >= MAX_WAITING_CONTROLS) return;
      const request = this.waitingRequests.shift();
      if (request === undefined) {
        this.readingPaused = false;
        this.sink.resumeReading();
        return;
      }
      this.handle(request);
    }
    this.handlingLater = true;
    this.hub.clock.soon(() => this.handleWaiting());
  }

  private goOn(): void {
    this.full = false;
    this.flushControls();
    if (this.readingPaused && !this.handlingLater) this.handleWaiting();
    if (!this.full) this.hub.catchUp.schedule(this);
  }

  /** A message with events, or one that says there are none to wait for; `rest` is the rest of one in parts. */
  private post(message: Uint8Array, events: number, rest: readonly Uint8Array[] = NO_REST): void {
    if (this.closed) return;
    const { metrics, beforeSend } = this.hub;
    metrics.eventsTotal += events;
    if (this.held !== undefined) {
      this.held.push({ beginning: message, rest });
      return;
    }
    const waitMs = beforeSend === undefined ? 0 : beforeSend();
    if (waitMs > 0) {
      this.held = [{ beginning: message, rest }];
      this.full = true;
      this.hub.clock.setTimer(waitMs, () => this.sendHeld());
      return;
    }
    this.put(message, events, rest);
  }

  private sendHeld(): void {
    const messages = this.held ?? [];
    this.held = undefined;
    if (this.closed) return;
    for (const { beginning, rest } of messages) this.put(beginning, 0, rest);
    if (!this.sinkFull) this.goOn();
  }

  private put(message: Uint8Array, events: number, rest: readonly Uint8Array[] = NO_REST): void {
    if (rest.length === 0 ? this.sink.send(message) : this.sink.sendInParts([message, ...rest])) return;
    this.full = true;
    this.sinkFull = true;
    this.pendingEvents += events;
    this.hub.metrics.pendingEvents += events;
  }
}

type CreateRequest = Extract<ReturnType<typeof decodeWatchRequest>, { kind: 1 }>["create"];
