import { Fifo } from "./fifo.ts";
import type { WatchHub } from "./hub.ts";
import { rangeHolds } from "./key-range.ts";
import type { Change, HistoryScan } from "./source.ts";
import type { WatchStream } from "./stream.ts";
import { WatchEvent } from "./watch-event.ts";
import { UNSYNCED, type Watcher } from "./watcher.ts";

/** Distinct revisions in one response of a watcher that reads history. */
const BATCH_REVISIONS = 1000;
/** A response is cut at a revision once it has this many bytes of records, so memory stays bounded. */
const BATCH_BYTES = 32 * 1024 * 1024;
/** Watchers whose batch is being put together at the same time. */
const MAX_JOBS = 4;
const SLICE_MS = 2;
const RECORDS_PER_STEP = 256;

/** One watcher whose next batch is being read. */
interface Job {
  readonly watcher: Watcher;
  readonly events: WatchEvent[];
  /** The distinct revisions of `events`. */
  revisions: number;
  lastRevision: number;
  bytes: number;
  /** Undefined as long as the store has not been asked. */
  scan: HistoryScan | undefined;
  /** The last revision `scan` covers. */
  to: number;
}

/**
 * Brings watchers that are behind up to the current revision, from the hub's recent transactions where they suffice
 * and else from the store: a few watchers at a time, in slices, a response for each watcher before any gets a second,
 * and only for streams that have room.
 */
export class CatchUp {
  private readonly hub: WatchHub;
  private readonly waiting = new Fifo<WatchStream>();
  private readonly jobs: Job[] = [];
  private readonly changes: Change[] = [];
  private turn = 0;
  private armed = false;

  constructor(hub: WatchHub) {
    this.hub = hub;
  }

  /** Takes up the stream if it has watchers behind and room. */
  schedule(stream: WatchStream): void {
    if (stream.scheduled || stream.full || stream.behind.length === 0) return;
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
      if (this.jobs.length === 0) return;
      this.turn = (this.turn + 1) % this.jobs.length;
      const job = this.jobs[this.turn]!;
      if (this.step(job)) this.jobs.splice(this.turn, 1);
    } while (clock.nowMs() < untilMs);
    if (this.jobs.length > 0 || this.waiting.length > 0) this.arm();
  }

  private takeUp(): void {
    while (this.jobs.length < MAX_JOBS) {
      const stream = this.waiting.shift();
      if (stream === undefined) return;
      const watcher = stream.full ? undefined : stream.behind.shift();
      if (watcher === undefined) stream.scheduled = false;
      else {
        this.jobs.push({
          watcher,
          events: [],
          revisions: 0,
          lastRevision: -1,
          bytes: 0,
          scan: undefined,
          to: 0,
        });
      }
    }
  }

  /** True when the job is over. */
  private step(job: Job): boolean {
    const { hub } = this;
    const { watcher } = job;
    const { stream } = watcher;
    if (watcher.state !== UNSYNCED || stream.full) {
      this.giveUp(job);
      return true;
    }
    const { currentRevision, compactRevision } = hub.source;
    const next = job.scan === undefined ? watcher.next : job.scan.position + 1;
    if (next < compactRevision) {
      // What was read before the compaction is complete and goes out first.
      if (job.events.length > 0) this.finish(job, next);
      else {
        stream.cancelCompacted(watcher, compactRevision);
        this.release(job);
      }
      return true;
    }
    if (job.scan === undefined) {
      if (next >= hub.recent.firstRevision || next > currentRevision) {
        this.finish(job, this.readRecent(job, next) ?? currentRevision + 1);
        return true;
      }
      job.to = currentRevision;
      job.scan = hub.source.openHistory(watcher.range.key, watcher.range.rangeEnd, next, currentRevision);
    }
    const cut = this.readHistory(job, job.scan);
    if (cut === undefined && job.scan.position < job.to) return false;
    this.finish(job, cut ?? job.to + 1);
    return true;
  }

  /** Returns the first revision that no longer fits, if any. */
  private readRecent(job: Job, from: number): number | undefined {
    const { recent } = this.hub;
    const { key, rangeEnd } = job.watcher.range;
    for (let i = recent.indexOf(from); i < recent.length; i++) {
      const { main, events } = recent.at(i);
      for (let e = 0; e < events.length; e++) {
        const event = events[e]!;
        if (!rangeHolds(key, rangeEnd, event.change.key)) continue;
        if (!take(job, event)) return main;
      }
    }
    return undefined;
  }

  /** One step of the store's scan. Returns the first revision that no longer fits, if any. */
  private readHistory(job: Job, scan: HistoryScan): number | undefined {
    const { changes } = this;
    changes.length = 0;
    scan.advance(RECORDS_PER_STEP, changes);
    let cut: number | undefined;
    for (let i = 0; i < changes.length; i++) {
      const change = changes[i]!;
      if (take(job, new WatchEvent(change))) continue;
      cut = change.main;
      break;
    }
    changes.length = 0;
    return cut;
  }

  /** Sends what has been read. The watcher has then been handed everything before `next`. */
  private finish(job: Job, next: number): void {
    const { hub } = this;
    const { watcher, events } = job;
    const { stream, options } = watcher;
    const encoded: Uint8Array[] = [];
    for (let i = 0; i < events.length; i++) {
      const event = events[i]!;
      if (event.change.deleted ? options.noDelete : options.noPut) continue;
      encoded.push(options.prevKv ? event.bytesWithPrevious(hub.source) : event.bytes());
    }
    const { currentRevision } = hub.source;
    watcher.next = Math.max(watcher.next, next);
    if (watcher.next > currentRevision) stream.becomeSynced(watcher);
    else stream.behind.push(watcher);
    if (encoded.length > 0) stream.sendEvents(watcher, hub.responses.header(currentRevision), encoded);
    this.release(job);
  }

  private giveUp(job: Job): void {
    if (job.watcher.state === UNSYNCED) job.watcher.stream.behind.push(job.watcher);
    this.release(job);
  }

  /** Ends a job; the stream queues up again if it has more to do. */
  private release(job: Job): void {
    const { stream } = job.watcher;
    job.scan?.close();
    stream.scheduled = false;
    this.schedule(stream);
  }
}

/** Adds an event to the batch unless its revision no longer fits. A revision is never cut. */
function take(job: Job, event: WatchEvent): boolean {
  const { change } = event;
  if (change.main !== job.lastRevision) {
    if (job.revisions === BATCH_REVISIONS || job.bytes >= BATCH_BYTES) return false;
    job.revisions += 1;
    job.lastRevision = change.main;
  }
  job.bytes += change.record.length;
  job.events.push(event);
  return true;
}
