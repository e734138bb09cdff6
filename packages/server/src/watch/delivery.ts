import { assert } from "@quorate/storage/assert";
import type { Revision } from "@quorate/storage/seams/backend";
import type { CatchUp } from "./catch-up.ts";
import type { RevisionEvents } from "./recent-changes.ts";
import { type ControlResponses, EventsBody } from "./responses.ts";
import type { WatchSource } from "./source.ts";
import { costOfEncoding, LOOK, type TurnBudget } from "./turn-budget.ts";
import type { WatchEvent } from "./watch-event.ts";
import type { WatchedRange } from "./watched-range.ts";
import { KINDS, type Watcher } from "./watcher.ts";
import type { WatcherIndex } from "./watcher-index.ts";

/** So many times a watched range may hold a change of a transaction that is delivered. */
const MOST_FOUND = 16_384;
/** The events of one message, when there are several: previous values may be much larger than changes. */
const BYTES_PER_BODY = 4 * 1024 * 1024;

/** What a delivery needs of the hub. */
export interface DeliveringHub {
  readonly source: WatchSource;
  readonly index: WatcherIndex;
  readonly budget: TurnBudget;
  readonly responses: ControlResponses;
  readonly catchUp: CatchUp;
}

/**
 * Hands a write transaction to the synced watchers of what it changed, over as many turns as it takes. Watchers may come,
 * go, fall behind and catch up meanwhile: those that have had the transaction are known by their position.
 */
export class Delivery {
  readonly #hub: DeliveringHub;
  #main = 0;
  #events: readonly WatchEvent[] = NO_EVENTS;
  /** Where the events are watched. */
  readonly #ranges: WatchedRange<Watcher>[] = [];
  /** What each of them is told, when there are several events. */
  #eventsOf: WatchEvent[][] = [];
  /** The range under way, and the last one that was begun. */
  #at = 0;
  #begun = -1;
  /** What the watchers of the range are sent, by their kind; of one event the same in all ranges. Undefined: not known. */
  readonly #bodies: (EventsBody | null | undefined)[] = new Array<undefined>(KINDS).fill(undefined);
  /** Why it is null: there is nothing to send, or it is too large. */
  readonly #isTooLarge: boolean[] = new Array<boolean>(KINDS).fill(false);
  /** Ranges that hold the same of several events share a body, as long as a turn; null when it is too large. */
  readonly #shared = new Map<string, EventsBody | null>();
  /** Reused from one event to the next. */
  readonly #found: WatchedRange<Watcher>[] = [];

  constructor(hub: DeliveringHub) {
    this.#hub = hub;
  }

  /** Finds out who watches `key`, before a delivery that begins with `isFound`. False: nobody does. */
  find(key: Uint8Array): boolean {
    this.#ranges.length = 0;
    this.#hub.index.collect(key, this.#ranges, MOST_FOUND + 1);
    return this.#ranges.length > 0;
  }

  /**
   * Begins with a transaction; the one before must be over. `isFound`: who watches its only event is known from `find`.
   * False: it has to be found in so many ranges that it cannot be delivered in this way.
   */
  begin({ main, events }: RevisionEvents, isFound: boolean): boolean {
    assert(this.#events === NO_EVENTS, "one transaction is delivered at a time");
    if (events.length > 1) {
      if (!this.#match(events)) return false;
    } else {
      if (!isFound) this.find(events[0]!.change.key);
      if (this.#ranges.length > MOST_FOUND) {
        this.end();
        return false;
      }
      this.#bodies.fill(undefined);
    }
    this.#main = main;
    this.#events = events;
    this.#at = 0;
    this.#begun = -1;
    return true;
  }

  /** Goes on until the turn has had enough. True when everyone has been told. */
  goOn(): boolean {
    const ranges = this.#ranges;
    for (; this.#at < ranges.length; this.#at++) {
      const range = ranges[this.#at]!;
      if (this.#begun < this.#at) {
        this.#begun = this.#at;
        if (this.#events.length > 1) this.#bodies.fill(undefined);
      }
      if (!this.#tell(range)) {
        this.#shared.clear();
        return false;
      }
      range.toldCount = 0;
    }
    this.end();
    return true;
  }

  /** Over, or given up. */
  end(): void {
    for (let i = 0; i < this.#events.length; i++) this.#events[i]!.forgetBytes();
    this.#events = NO_EVENTS;
    if (this.#at < this.#ranges.length) this.#ranges[this.#at]!.toldCount = 0;
    this.#ranges.length = 0;
    if (this.#eventsOf.length === 0) return;
    this.#eventsOf = [];
    this.#shared.clear();
  }

  #tell(range: WatchedRange<Watcher>): boolean {
    const { budget } = this.#hub;
    const { watchers } = range;
    const main = this.#main;
    const limit = budget.left;
    let spent = 0;
    while (range.toldCount < range.syncedCount && spent < limit) {
      const watcher = watchers[range.toldCount]!;
      range.toldCount += 1;
      spent += watcher.next > main ? LOOK : this.#hand(watcher, main);
    }
    budget.spend(spent);
    return range.toldCount >= range.syncedCount;
  }

  /** Returns what it has cost, in messages. */
  #hand(watcher: Watcher, main: Revision): number {
    let body = this.#bodies[watcher.kind];
    if (body === undefined) body = this.#bodyFor(watcher);
    if (body === null && !this.#isTooLarge[watcher.kind]) return LOOK;
    const { stream } = watcher;
    if (body === null || stream.full) {
      watcher.next = main;
      stream.fallBehind(watcher);
      this.#hub.catchUp.schedule(stream);
      return 1;
    }
    watcher.next = main + 1;
    const before = body.encodedBytes;
    stream.sendBody(watcher, body);
    const encoded = body.encodedBytes - before;
    return encoded === 0 ? 1 : 1 + costOfEncoding(encoded, body.count);
  }

  #bodyFor(watcher: Watcher): EventsBody | null {
    const { noPut, noDelete, prevKv } = watcher.options;
    let events = this.#events.length > 1 ? this.#eventsOf[this.#at]! : this.#events;
    if (noPut || noDelete) events = events.filter(({ change }) => !(change.deleted ? noDelete : noPut));
    const body = events.length === 0 ? null : this.#sharedBody(events, prevKv);
    this.#bodies[watcher.kind] = body;
    this.#isTooLarge[watcher.kind] = body === null && events.length > 0;
    return body;
  }

  #sharedBody(events: readonly WatchEvent[], prevKv: boolean): EventsBody | null {
    if (this.#events.length === 1) return this.#encoded(events, prevKv);
    const first = events[0]!.change.sub;
    const last = events[events.length - 1]!.change.sub;
    // With gaps the ends do not tell which events they are.
    if (last - first + 1 > events.length) return this.#encoded(events, prevKv);
    const name = `${first}-${last}${prevKv ? "+" : ""}`;
    const known = this.#shared.get(name);
    if (known !== undefined) return known;
    const body = this.#encoded(events, prevKv);
    this.#shared.set(name, body);
    return body;
  }

  #encoded(events: readonly WatchEvent[], prevKv: boolean): EventsBody | null {
    const { source, responses, budget } = this.#hub;
    const encoded: Uint8Array[] = [];
    let bytes = 0;
    for (let i = 0; i < events.length && bytes < BYTES_PER_BODY; i++) {
      const event = prevKv ? events[i]!.bytesWithPrevious(source) : events[i]!.bytes();
      encoded.push(event);
      bytes += event.length;
    }
    if (events.length > 1) budget.spend(costOfEncoding(0, events.length));
    return encoded.length < events.length ? null : new EventsBody(responses.header(this.#main), encoded);
  }

  /** Finds where several events are watched. False: in too many ranges. */
  #match(events: readonly WatchEvent[]): boolean {
    const { index, budget } = this.#hub;
    const ranges = this.#ranges;
    const eventsOf: WatchEvent[][] = [];
    const found = this.#found;
    ranges.length = 0;
    let times = 0;
    for (let e = 0; e < events.length && times <= MOST_FOUND; e++) {
      found.length = 0;
      index.collect(events[e]!.change.key, found, MOST_FOUND + 1 - times);
      times += found.length;
      for (let f = 0; f < found.length; f++) {
        const range = found[f]!;
        if (ranges[range.found] === range) {
          eventsOf[range.found]!.push(events[e]!);
          continue;
        }
        range.found = ranges.length;
        ranges.push(range);
        eventsOf.push([events[e]!]);
      }
    }
    found.length = 0;
    budget.spend(times * LOOK);
    this.#eventsOf = eventsOf;
    if (times <= MOST_FOUND) return true;
    this.end();
    return false;
  }
}

const NO_EVENTS: readonly WatchEvent[] = [];
