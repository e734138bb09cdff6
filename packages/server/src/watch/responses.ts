import type { Term } from "@quorate/raft";
import type { Revision } from "@quorate/storage/seams/backend";
import { encodeWatchResponse } from "@quorate/wire/hot";
import { EventPieces, fieldSize, sizeOfFieldAt } from "./event-pieces.ts";

/** The member's response headers; `HeaderEncoder` of `@quorate/wire/hot` is one. */
export interface Headers {
  /** The content of a `ResponseHeader`. */
  encode(revision: Revision, raftTerm: Term): Uint8Array;
}

/** Refusals and progress of a whole stream carry this id. */
export const NO_WATCH_ID = -1n;

/** Encodes the responses without events. Headers are kept for as long as revision and term stay the same. */
export class ControlResponses {
  private readonly headers: Headers;
  private readonly raftTerm: () => Term;
  private revision = -1;
  private term = -1;
  private encoded: Uint8Array = NO_BYTES;

  constructor(headers: Headers, raftTerm: () => Term) {
    this.headers = headers;
    this.raftTerm = raftTerm;
  }

  header(revision: Revision): Uint8Array {
    const term = this.raftTerm();
    if (revision !== this.revision || term !== this.term) {
      this.encoded = this.headers.encode(revision, term);
      this.revision = revision;
      this.term = term;
    }
    return this.encoded;
  }

  created(revision: Revision, watchId: bigint): Uint8Array {
    return encodeWatchResponse(this.header(revision), watchId, true, false, 0, "", false, NO_EVENTS);
  }

  refused(revision: Revision, reason: string): Uint8Array {
    return encodeWatchResponse(this.header(revision), NO_WATCH_ID, true, true, 0, reason, false, NO_EVENTS);
  }

  canceled(revision: Revision, watchId: bigint): Uint8Array {
    return encodeWatchResponse(this.header(revision), watchId, false, true, 0, "", false, NO_EVENTS);
  }

  /** The header's revision is 0 here, and old clients depend on it. */
  compacted(watchId: bigint, compactRevision: Revision): Uint8Array {
    const header = this.headers.encode(0, this.raftTerm());
    return encodeWatchResponse(header, watchId, false, true, compactRevision, "", false, NO_EVENTS);
  }

  progress(revision: Revision, watchId: bigint): Uint8Array {
    return encodeWatchResponse(this.header(revision), watchId, false, false, 0, "", false, NO_EVENTS);
  }
}

/** The watcher that a response goes to. */
export interface Recipient {
  readonly id: bigint;
  /** `id` as an index into lists of shared messages; -1 when it is too large for that. */
  readonly smallId: number;
}

/** An encoded message of up to so many bytes is made as one. */
const WHOLE_BYTES = 64 * 1024;
/** A smaller message is made as one for whoever gets it. */
const SMALL_BYTES = 1024;

/**
 * The events of one response before it is known whom it goes to. Watchers with the same id on different streams get
 * the very same message bytes; what is large is shared by all, with a beginning for each.
 */
export class EventsBody {
  readonly header: Uint8Array;
  /** Encoded `mvccpb.Event`s; undefined when they are in pieces from the outset. */
  readonly events: readonly Uint8Array[] | undefined;
  readonly count: number;
  /** Of the events as fields of the response. */
  readonly bytes: number;
  /** The total of what has been made for this. */
  encodedBytes = 0;
  private pieces: readonly Uint8Array[] | undefined = undefined;
  private readonly messages: (Uint8Array | undefined)[] = [];

  constructor(header: Uint8Array, events: readonly Uint8Array[] | EventPieces) {
    this.header = header;
    if (events instanceof EventPieces) {
      this.events = undefined;
      this.pieces = events.pieces();
      this.count = events.count;
      this.bytes = events.bytes;
    } else {
      this.events = events;
      this.count = events.length;
      let bytes = 0;
      for (let i = 0; i < events.length; i++) bytes += fieldSize(events[i]!.length);
      this.bytes = bytes;
    }
  }

  /** The whole response in one message, or undefined if it is better sent in parts. Shared: not to be changed. */
  message({ id, smallId }: Recipient): Uint8Array | undefined {
    let message = smallId < 0 ? undefined : this.messages[smallId];
    if (message !== undefined) return message;
    if (this.bytes > WHOLE_BYTES || (this.bytes > SMALL_BYTES && this.encodedBytes > WHOLE_BYTES)) {
      return undefined;
    }
    message = this.encode(id);
    if (smallId >= 0) this.messages[smallId] = message;
    return message;
  }

  /** The beginning of the response, without its events. `more`: it is a fragment, and not the last one. */
  beginning(watchId: bigint, more: boolean): Uint8Array {
    const message = encodeWatchResponse(this.header, watchId, false, false, 0, "", more, NO_EVENTS);
    this.encodedBytes += message.length;
    return message;
  }

  /** The events, which follow the beginning, in pieces of whole fields. Shared: not to be changed. */
  rest(): readonly Uint8Array[] {
    if (this.pieces === undefined) {
      const pieces = new EventPieces();
      for (const event of this.events!) pieces.append(event);
      this.pieces = pieces.pieces();
      this.encodedBytes += this.bytes;
    }
    return this.pieces;
  }

  private encode(watchId: bigint): Uint8Array {
    if (this.events === undefined) return joined(this.beginning(watchId, false), this.rest(), this.bytes);
    const message = encodeWatchResponse(this.header, watchId, false, false, 0, "", false, this.events);
    this.encodedBytes += message.length;
    return message;
  }
}

/** One message of a response: its beginning, and pieces with events that follow it. */
export interface Fragment {
  readonly beginning: Uint8Array;
  readonly rest: readonly Uint8Array[];
}

/**
 * Splits a response with events into messages below `limitBytes`, as far as single events allow it: each part but the
 * last carries the fragment flag. Sizes count everything in the message, the flag included. One part: there is no need.
 */
export function fragmentResponse(body: EventsBody, watchId: bigint, limitBytes: number): Fragment[] {
  const envelope = fieldSize(body.header.length) + (watchId === 0n ? 0 : 1 + watchIdSize(watchId));
  if (body.count < 2 || envelope + body.bytes < limitBytes) {
    return [{ beginning: body.beginning(watchId, false), rest: body.rest() }];
  }
  const fragments: Fragment[] = [];
  let rest: Uint8Array[] = [];
  let size = 0;
  for (const piece of body.rest()) {
    let from = 0;
    for (let at = 0; at < piece.length; ) {
      const field = sizeOfFieldAt(piece, at);
      if (size === 0) size = envelope + FRAGMENT_FLAG_BYTES;
      else if (size + field >= limitBytes) {
        if (at > from) rest.push(piece.subarray(from, at));
        fragments.push({ beginning: body.beginning(watchId, true), rest });
        rest = [];
        from = at;
        size = envelope + FRAGMENT_FLAG_BYTES;
      }
      size += field;
      at += field;
    }
    rest.push(from === 0 ? piece : piece.subarray(from));
  }
  fragments.push({ beginning: body.beginning(watchId, false), rest });
  return fragments;
}

const NO_BYTES = new Uint8Array(0);
const NO_EVENTS: readonly Uint8Array[] = [];
const FRAGMENT_FLAG_BYTES = 2;

function joined(beginning: Uint8Array, rest: readonly Uint8Array[], restBytes: number): Uint8Array {
  const message = new Uint8Array(beginning.length + restBytes);
  message.set(beginning);
  let at = beginning.length;
  for (const piece of rest) {
    message.set(piece, at);
    at += piece.length;
  }
  return message;
}

function watchIdSize(id: bigint): number {
  let size = 1;
  for (let rest = BigInt.asUintN(64, id); rest >= 128n; rest >>= 7n) size += 1;
  return size;
}
