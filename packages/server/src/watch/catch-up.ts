import { assert } from "@quorate/storage/assert";
import type { Revision } from "@quorate/storage/seams/backend";
import type { Clock } from "@quorate/storage/seams/clock";
import type { Change, HistoryScan } from "../keys/change.ts";
import { rangeContains } from "../keys/key-range.ts";
import { EventPieces } from "./event-pieces.ts";
import { Fifo } from "./fifo.ts";
import type { RecentChanges } from "./recent-changes.ts";
import { RecordMemory } from "./record-memory.ts";
import { type ControlResponses, EventsBody } from "./responses.ts";
import type { WatchSource } from "./source.ts";
import { WatchEvent } from "./watch-event.ts";
import { UNSYNCED, type Watcher, type WatcherOptions, type WatcherStream } from "./watcher.ts";

/** Distinct revisions in one response of a watcher that reads history. */
const BATCH_REVISIONS = 1000;
/**
 * A response is cut at a revision once it has this many bytes of events, previous values included. It bounds the memory
 * of a batch and what a stream keeps for a client that does not read.
 */
const BATCH_BYTES = 16 * 1024 * 1024;
/** Watchers whose batch is being put together at the same time. */
const MAX_JOBS = 4;
const SLICE_MS = 2;
/**
 * What a step puts into a batch, and reads of the store before (of that up to four times as much, to finish a revision).
 * The time is looked at after each step.
 */
const RECORDS_PER_STEP = 256;
const BYTES_PER_STEP = 1024 * 1024;
/** A batch is shared until this much has been encoded for it, or so many have got it, or so many have been looked at. */
const SHARED_BYTES = 4 * 1024 * 1024;
const MAX_SHARERS = 1024;
const MAX_LOOKED_AT = 16_384;
/** Streams that are taken up before the time is looked at. */
const STREAMS_PER_STEP = 256;

/** What the catch-up needs of the hub. */
interface CatchUpHub {
  readonly clock: Clock;
  readonly source: WatchSource;
  readonly recent: RecentChanges;
  readonly responses: ControlResponses;
}

/** One watcher whose next batch is being read. */
interface Job {
  readonly watcher: Watcher;
  /** The watcher's `next` when the job began. */
  readonly from: Revision;
  /** Everything before this revision has been read. */
  next: Revision;
  /** What has been read and is not in the batch yet, from `at` on: everything up to `readTo`. */
  readonly pending: WatchEvent[];
  /** Of what has been read from the store and is pending. */
  readonly records: RecordMemory;
  at: number;
  readTo: Revision;
  /** The batch: encoded as the watcher wants it; what it does not want is left out. Marked where `lastRevision` begins. */
  readonly pieces: EventPieces;
  /** The distinct revisions that have been taken. */
  revisions: number;
  lastRevision: Revision;
  /** Undefined as long as the store has not been asked. */
  scan: HistoryScan | undefined;
  /** The last revision `scan` covers. */
  to: Revision;
  /** Streams whose next watcher waits for this batch, to share it. */
  readonly followers: WatcherStream[];
}

/**
 * Brings watchers that are behind up to the current revision, from the hub's recent transactions where they suffice
 * and else from the store: a few watchers at a time, in slices, a response for each watcher before any gets a second,
 * and only for streams that have room.
 */
export class CatchUp {
  private readonly hub: CatchUpHub;
  private readonly waiting = new Fifo<WatcherStream>();
  private readonly jobs: Job[] = [];
  private readonly changes: Change[] = [];
  /** Of jobs that are over: as many as there may be jobs. */
  private readonly memories: RecordMemory[] = [];
  private nextJob = 0;
  private armed = false;

  constructor(hub: CatchUpHub) {
    this.hub = hub;
  }

  /** Takes up the stream if it has watchers behind and room. */
  schedule(stream: WatcherStream): void {
    if (stream.scheduled || stream.full || !stream.hasBehind) return;
    stream.scheduled = true;
    this.waiting.push(stream);
    this.arm();
  }

  /** Stops reading from a store that is being replaced; the watchers begin again where they are. */
  abandonScans(): void {
    for (const job of this.jobs.splice(0)) this.giveUp(job);
  }

  private arm(): void {
    if (this.armed) return;
    this.armed = true;
    this.hub.clock.soon(() => this.run());
  }

  private run(): void {
    this.armed = false;
    const { clock } = this.hub;
    const untilMs = clock.nowMs() + SLICE_MS;
    do {
      this.takeUp();
      if (this.jobs.length === 0) continue;
      this.nextJob = (this.nextJob + 1) % this.jobs.length;
      const job = this.jobs[this.nextJob]!;
      if (this.step(job)) this.jobs.splice(this.nextJob, 1);
    } while (this.jobs.length + this.waiting.length > 0 && clock.nowMs() < untilMs);
    if (this.jobs.length > 0 || this.waiting.length > 0) this.arm();
  }

  private takeUp(): void {
    for (let i = 0; i < STREAMS_PER_STEP && this.jobs.length < MAX_JOBS; i++) {
      const stream = this.waiting.shift();
      if (stream === undefined) return;
      const watcher = stream.full ? undefined : stream.takeBehind();
      const leader = watcher === undefined ? undefined : this.jobs.find((job) => willShare(job, watcher));
      if (watcher === undefined) stream.scheduled = false;
      else if (leader !== undefined) {
        stream.queueBehind(watcher);
        leader.followers.push(stream);
      } else {
        this.jobs.push({
          watcher,
          from: watcher.next,
          next: watcher.next,
          pending: [],
          records: this.memories.pop() ?? new RecordMemory(),
          at: 0,
          readTo: 0,
          pieces: new EventPieces(),
          revisions: 0,
          lastRevision: -1,
          scan: undefined,
          to: 0,
          followers: [],
        });
      }
    }
  }

  /** True when the job is over. */
  private step(job: Job): boolean {
    const { hub } = this;
    const { watcher } = job;
    // One whose stream has filled up meanwhile is finished nevertheless, or it might never be.
    if (watcher.state !== UNSYNCED || watcher.stream.closed) {
      this.giveUp(job);
      return true;
    }
    const { currentRevision, compactRevision } = hub.source;
    if (job.next < compactRevision) {
      // What was read before the compaction is complete, but for a revision in the middle of which it came, and goes
      // out first.
      if (job.lastRevision >= job.next) job.pieces.cutToMark();
      if (job.pieces.count > 0) this.finish(job, job.next);
      else {
        watcher.stream.cancelCompacted(watcher, compactRevision);
        this.release(job);
      }
      return true;
    }
    // Not for a watcher of a future revision.
    if (job.pending.length === 0 && job.next <= currentRevision) this.read(job);
    if (!this.takePending(job)) return false;
    this.finish(job, job.next);
    return true;
  }

  /** Fills `pending` with what comes next. */
  private read(job: Job): void {
    const { hub } = this;
    if (job.scan === undefined) {
      const { key, rangeEnd, watchedFrom } = job.watcher.range;
      const recentFrom = Math.max(hub.recent.firstRevision, watchedFrom);
      if (job.next >= recentFrom) {
        this.readRecent(job);
        return;
      }
      job.to = Math.min(hub.source.currentRevision, recentFrom - 1);
      job.scan = hub.source.openHistory(key, rangeEnd, job.next, job.to);
    }
    this.readHistory(job, job.scan);
  }

  private readRecent(job: Job): void {
    const { recent, source } = this.hub;
    const { pending } = job;
    const { key, rangeEnd } = job.watcher.range;
    let i = recent.indexOf(job.next);
    for (; i < recent.length && pending.length < RECORDS_PER_STEP; i++) {
      const { main, events } = recent.at(i);
      for (let e = 0; e < events.length; e++) {
        const event = events[e]!;
        if (rangeContains(key, rangeEnd, event.change.key)) pending.push(event);
      }
      job.readTo = main;
    }
    if (i === recent.length) job.readTo = source.currentRevision;
  }

  private readHistory(job: Job, scan: HistoryScan): void {
    const { changes } = this;
    const left = BATCH_BYTES - job.pieces.bytes;
    // A full batch is still read to the end of its last revision.
    scan.advance(
      RECORDS_PER_STEP,
      left > 0 ? Math.min(BYTES_PER_STEP, left) : BYTES_PER_STEP,
      changes,
      job.records,
    );
    for (let i = 0; i < changes.length; i++) job.pending.push(new WatchEvent(changes[i]!));
    changes.length = 0;
    job.readTo = scan.position;
    if (scan.position < job.to) return;
    scan.close();
    job.scan = undefined;
  }

  /** Takes events that have been read into the batch, as many as a step may. True when the batch is complete. */
  private takePending(job: Job): boolean {
    const { pending, pieces } = job;
    const untilBytes = pieces.bytes + BYTES_PER_STEP;
    const end = Math.min(pending.length, job.at + RECORDS_PER_STEP);
    for (; job.at < end && pieces.bytes < untilBytes; job.at++) {
      if (!this.take(job, pending[job.at]!)) return true;
    }
    if (job.at < pending.length) return false;
    pending.length = 0;
    job.at = 0;
    job.records.reset();
    job.next = Math.max(job.next, job.readTo + 1);
    if (job.next > this.hub.source.currentRevision) return true;
    return pieces.bytes >= BATCH_BYTES && job.lastRevision < job.next;
  }

  /** Adds an event to the batch unless its revision no longer fits. A revision is never cut. */
  private take(job: Job, event: WatchEvent): boolean {
    const { change } = event;
    const { options } = job.watcher;
    if (change.main !== job.lastRevision) {
      assert(change.main >= job.next, "history is read in order, and once");
      job.next = change.main;
      if (job.revisions === BATCH_REVISIONS || job.pieces.bytes >= BATCH_BYTES) return false;
      job.revisions += 1;
      job.lastRevision = change.main;
      job.pieces.mark();
    }
    if (change.deleted ? options.noDelete : options.noPut) return true;
    event.appendTo(job.pieces, options.prevKv ? this.hub.source : undefined);
    return true;
  }

  /** Sends what has been read. The watcher has then been handed everything before `next`. */
  private finish(job: Job, next: Revision): void {
    const { hub } = this;
    const { watcher } = job;
    assert(watcher.next === job.from, "what a watcher is handed begins where it is");
    const body = new EventsBody(hub.responses.header(hub.source.currentRevision), job.pieces);
    this.hand(watcher, body, next);
    this.shareBatch(job, body, next);
    this.release(job);
  }

  /**
   * A crowd that fell behind together reads history once: whoever watches the same range in the same way from the same
   * revision, and has room, gets the batch too.
   */
  private shareBatch(job: Job, body: EventsBody, next: Revision): void {
    const { watcher, from } = job;
    const { watchers } = watcher.range;
    if (watcher.options.fragment) return;
    let sharers = 0;
    // Those that become synced change places with one that has been looked at.
    const first = watcher.range.syncedCount;
    const end = Math.min(watchers.length, first + MAX_LOOKED_AT);
    for (let i = first; i < end; i++) {
      if (sharers === MAX_SHARERS || body.encodedBytes >= SHARED_BYTES) return;
      const other = watchers[i]!;
      if (other.state !== UNSYNCED || other.next !== from || !other.queued || other.stream.full) continue;
      if (!alike(watcher.options, other.options)) continue;
      this.hand(other, body, next);
      sharers += 1;
    }
  }

  private hand(watcher: Watcher, body: EventsBody, next: Revision): void {
    const { stream } = watcher;
    watcher.next = next;
    if (watcher.next > this.hub.source.currentRevision) stream.becomeSynced(watcher);
    else stream.queueBehind(watcher);
    if (body.count > 0) stream.sendBody(watcher, body);
  }

  private giveUp(job: Job): void {
    if (job.watcher.state === UNSYNCED) job.watcher.stream.queueBehind(job.watcher);
    this.release(job);
  }

  /** Ends a job; the stream queues up again if it has more to do, and so do those that waited for it. */
  private release(job: Job): void {
    const { stream } = job.watcher;
    job.scan?.close();
    job.records.reset();
    this.memories.push(job.records);
    for (const each of [stream, ...job.followers]) {
      each.scheduled = false;
      this.schedule(each);
    }
  }
}

/** Whether the batch of `job` will be shared with `watcher` if it waits. */
function willShare(job: Job, watcher: Watcher): boolean {
  if (job.followers.length === MAX_SHARERS) return false;
  if (job.watcher.range !== watcher.range || job.from !== watcher.next) return false;
  return !job.watcher.options.fragment && alike(job.watcher.options, watcher.options);
}

function alike(a: WatcherOptions, b: WatcherOptions): boolean {
  return a.prevKv === b.prevKv && a.noPut === b.noPut && a.noDelete === b.noDelete && !b.fragment;
}
