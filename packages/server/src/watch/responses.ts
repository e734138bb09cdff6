import { encodeWatchResponse } from "@quorate/wire/hot";
import type { Watcher } from "./watcher.ts";

/** The member's response headers; `HeaderEncoder` of `@quorate/wire/hot` is one. */
export interface Headers {
  /** The content of a `ResponseHeader`. */
  encode(revision: number, raftTerm: number): Uint8Array;
}

/** Refusals and progress of a whole stream carry this id. */
export const NO_WATCH_ID = -1n;

/** Encodes the responses without events. Headers are kept for as long as revision and term stay the same. */
export class ControlResponses {
  private readonly headers: Headers;
  private readonly raftTerm: () => number;
  private revision = -1;
  private term = -1;
  private encoded: Uint8Array = NO_BYTES;

  constructor(headers: Headers, raftTerm: () => number) {
    this.headers = headers;
    this.raftTerm = raftTerm;
  }

  header(revision: number): Uint8Array {
    const term = this.raftTerm();
    if (revision !== this.revision || term !== this.term) {
      this.encoded = this.headers.encode(revision, term);
      this.revision = revision;
      this.term = term;
    }
    return this.encoded;
  }

  created(revision: number, watchId: bigint): Uint8Array {
    return encodeWatchResponse(this.header(revision), watchId, true, false, 0, "", false, NO_EVENTS);
  }

  refused(revision: number, reason: string): Uint8Array {
    return encodeWatchResponse(this.header(revision), NO_WATCH_ID, true, true, 0, reason, false, NO_EVENTS);
  }

  canceled(revision: number, watchId: bigint): Uint8Array {
    return encodeWatchResponse(this.header(revision), watchId, false, true, 0, "", false, NO_EVENTS);
  }

  /** The header's revision is 0 here, and old clients depend on it. */
  compacted(watchId: bigint, compactRevision: number): Uint8Array {
    const header = this.headers.encode(0, this.raftTerm());
    return encodeWatchResponse(header, watchId, false, true, compactRevision, "", false, NO_EVENTS);
  }

  progress(revision: number, watchId: bigint): Uint8Array {
    return encodeWatchResponse(this.header(revision), watchId, false, false, 0, "", false, NO_EVENTS);
  }
}

/**
 * The events of one response before it is known whom it goes to. Watchers with the same id on different streams get
 * the very same message bytes.
 */
export class EventsBody {
  readonly header: Uint8Array;
  /** Encoded `mvccpb.Event`s. */
  readonly events: readonly Uint8Array[];
  /** The total of the messages made. */
  encodedBytes = 0;
  private readonly messages: (Uint8Array | undefined)[] = [];

  constructor(header: Uint8Array, events: readonly Uint8Array[]) {
    this.header = header;
    this.events = events;
  }

  /** The whole response in one message. Shared: not to be changed. */
  message(watcher: Watcher): Uint8Array {
    const { smallId } = watcher;
    if (smallId < 0) return this.encode(watcher.id);
    let message = this.messages[smallId];
    if (message === undefined) {
      message = this.encode(watcher.id);
      this.messages[smallId] = message;
    }
    return message;
  }

  private encode(watchId: bigint): Uint8Array {
    const message = encodeWatchResponse(this.header, watchId, false, false, 0, "", false, this.events);
    this.encodedBytes += message.length;
    return message;
  }
}

/**
 * Splits a response with events into messages below `limitBytes`, as far as single events allow it: each part but the
 * last carries the fragment flag. Sizes count everything in the message, the flag included.
 */
export function fragmentResponse(
  header: Uint8Array,
  watchId: bigint,
  events: readonly Uint8Array[],
  limitBytes: number,
): Uint8Array[] {
  const envelope = fieldSize(header.length) + (watchId === 0n ? 0 : 1 + watchIdSize(watchId));
  if (events.length < 2 || envelope + eventsSize(events) < limitBytes) {
    return [encodeWatchResponse(header, watchId, false, false, 0, "", false, events)];
  }
  const messages: Uint8Array[] = [];
  let first = 0;
  while (first < events.length) {
    let size = envelope + FRAGMENT_FLAG_BYTES + fieldSize(events[first]!.length);
    let end = first + 1;
    while (end < events.length) {
      const grown = size + fieldSize(events[end]!.length);
      if (grown >= limitBytes) break;
      size = grown;
      end += 1;
    }
    const more = end < events.length;
    messages.push(encodeWatchResponse(header, watchId, false, false, 0, "", more, events.slice(first, end)));
    first = end;
  }
  return messages;
}

const NO_BYTES = new Uint8Array(0);
const NO_EVENTS: readonly Uint8Array[] = [];
const FRAGMENT_FLAG_BYTES = 2;

function eventsSize(events: readonly Uint8Array[]): number {
  let size = 0;
  for (const event of events) size += fieldSize(event.length);
  return size;
}

/** A length-delimited field with a one-byte tag. */
function fieldSize(length: number): number {
  return 1 + varintSize(length) + length;
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size += 1;
  return size;
}

function watchIdSize(id: bigint): number {
  let size = 1;
  for (let rest = BigInt.asUintN(64, id); rest >= 128n; rest >>= 7n) size += 1;
  return size;
}
