import { type Event, encodeMessage, type ResponseHeader, WatchResponse } from "@quorate/wire/messages";
import { type FilterMask, passing } from "./event-filter.ts";

/** So large an answer of two events or more is cut for those who ask for that, as a member would: octets. */
const FRAGMENT_BYTES = 1_572_864 + 524_288;

/** Events that came together, encoded once for all who get the same of them. */
export class SharedResponse {
  readonly #header: Uint8Array;
  readonly #events: readonly Event[];
  readonly #firstRevision: bigint;
  readonly #bodies = new Map<FilterMask, readonly Uint8Array[]>();

  constructor(header: ResponseHeader | undefined, events: readonly Event[]) {
    this.#header = encodeMessage(WatchResponse, { header });
    this.#events = events;
    this.#firstRevision = events[0]?.kv?.modRevision ?? 0n;
  }

  /** The messages for one watcher, each in parts of whole fields; none when it gets nothing of these events. */
  messagesFor(watchId: bigint, mask: FilterMask, fromRevision: bigint, fragments: boolean): Uint8Array[][] {
    const bodies = this.#bodiesFrom(mask, fromRevision);
    if (bodies.length === 0) return [];
    const id = encodeMessage(WatchResponse, { watchId });
    const head = [this.#header, id].filter(({ length }) => length > 0);
    if (!fragments) return [[...head, ...bodies]];
    const parts = cut(bodies, this.#header.length + id.length);
    return parts.map((part, i) => [...head, ...(i < parts.length - 1 ? [FRAGMENT] : []), ...part]);
  }

  #bodiesFrom(mask: FilterMask, fromRevision: bigint): readonly Uint8Array[] {
    if (fromRevision > this.#firstRevision) return bodiesOf(passing(this.#events, mask, fromRevision));
    let bodies = this.#bodies.get(mask);
    if (bodies === undefined) {
      bodies = bodiesOf(passing(this.#events, mask, 0n));
      this.#bodies.set(mask, bodies);
    }
    return bodies;
  }
}

const FRAGMENT = encodeMessage(WatchResponse, { fragment: true });
/** Events are encoded together up to so many octets. */
const BODY_BYTES = 65_536;

/** The events as fields of a response; several small ones in one piece. */
function bodiesOf(events: readonly Event[]): readonly Uint8Array[] {
  const bodies: Uint8Array[] = [];
  let begin = 0;
  let bytes = 0;
  for (const [i, event] of events.entries()) {
    const size = sizeOf(event);
    if (i > begin && bytes + size > BODY_BYTES) {
      bodies.push(encodeMessage(WatchResponse, { events: events.slice(begin, i) }));
      begin = i;
      bytes = 0;
    }
    bytes += size;
  }
  if (begin < events.length) bodies.push(encodeMessage(WatchResponse, { events: events.slice(begin) }));
  return bodies;
}

/** About so many octets. */
function sizeOf({ kv, prevKv }: Event): number {
  const sizes = [kv, prevKv].map((each) =>
    each === undefined ? 0 : each.key.length + each.value.length + 48,
  );
  return sizes[0]! + sizes[1]!;
}

/** Bodies for messages that stay below the limit, where one alone does. */
function cut(bodies: readonly Uint8Array[], headBytes: number): Uint8Array[][] {
  const parts: Uint8Array[][] = [];
  let bytes = 0;
  for (const body of bodies) {
    const last = parts.at(-1);
    if (last !== undefined && bytes + body.length < FRAGMENT_BYTES) last.push(body);
    else {
      parts.push([body]);
      bytes = headBytes + FRAGMENT.length;
    }
    bytes += body.length;
  }
  return parts;
}
