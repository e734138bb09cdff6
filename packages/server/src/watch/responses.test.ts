import assert from "node:assert/strict";
import test from "node:test";
import { fc } from "@quorate/testkit/property";
import { decode } from "@quorate/wire";
import { WatchResponseSchema } from "@quorate/wire/etcdserverpb";
import { encodeEvent } from "@quorate/wire/hot";
import { EventsBody, fragmentResponse } from "./responses.ts";

const NO_HEADER = new Uint8Array(0);
/** `encodeWatchResponse` writes the header field even when its content is empty. */
const HEADER_FIELD_BYTES = 2;

/** The messages that a response with these events is split into. */
function fragments(
  header: Uint8Array,
  watchId: bigint,
  events: readonly Uint8Array[],
  limitBytes: number,
): Uint8Array[] {
  const parts = fragmentResponse(new EventsBody(header, events), watchId, limitBytes);
  return parts.map(({ beginning, rest }) => new Uint8Array(Buffer.concat([beginning, ...rest])));
}

/** An event whose key value holds a key of `n` bytes and nothing else. */
function eventOf(n: number): Uint8Array {
  return encodeEvent(false, Uint8Array.from([0x0a, ...varint(n), ...new Uint8Array(n)]), undefined);
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, value >>> 7];
}

// The specification's arithmetic is without a header, so its two bytes are added to the limit.
const cases = [
  { name: "one event in one message", n: 100, events: 1, limit: 2 ** 31 - 1, want: [1] },
  { name: "two events below the limit", n: 10, events: 2, limit: 50, want: [2] },
  { name: "a single event over the limit goes alone and whole", n: 1024, events: 1, limit: 1, want: [1] },
  { name: "events that do not fit together", n: 11, events: 5, limit: 20, want: [1, 1, 1, 1, 1] },
  { name: "events that do not even fit alone", n: 15, events: 5, limit: 10, want: [1, 1, 1, 1, 1] },
  { name: "two fit with the flag's two bytes and three do not", n: 10, events: 4, limit: 35, want: [2, 2] },
];
for (const { name, n, events, limit, want } of cases) {
  test(`fragments: ${name} (W13)`, () => {
    const all = Array.from({ length: events }, () => eventOf(n));
    const parts = fragments(NO_HEADER, 0n, all, limit + HEADER_FIELD_BYTES).map((message) =>
      decode(WatchResponseSchema, message),
    );
    assert.deepEqual(
      parts.map((part) => part.events.length),
      want,
    );
    assert.deepEqual(
      parts.map(({ fragment }) => fragment),
      want.map((_, i) => i < want.length - 1),
    );
  });
}

test("fragments hold all events in order, are below the limit where they can be, and none could take one more", () => {
  const anyResponse = fc.record({
    sizes: fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 40 }),
    limit: fc.integer({ min: 1, max: 2000 }),
    id: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  });
  fc.assert(
    fc.property(anyResponse, ({ sizes, limit, id }) => {
      const header = Uint8Array.of(0x08, 0x01, 0x10, 0x02, 0x18, 0x07, 0x20, 0x03);
      const events = sizes.map(eventOf);
      const messages = fragments(header, id, events, limit);
      const parts = messages.map((message) => decode(WatchResponseSchema, message));
      assert.deepEqual(
        parts.flatMap((part) => part.events.map(({ kv }) => kv!.key.length)),
        sizes,
      );
      let first = 0;
      for (const [i, part] of parts.entries()) {
        const last = i === parts.length - 1;
        assert.equal(part.fragment, !last);
        assert.equal(part.watchId, id);
        assert.equal(part.header!.revision, 7n);
        if (part.events.length > 1) assert.ok(messages[i]!.length < limit);
        first += part.events.length;
        if (last) continue;
        const next = events[first]!;
        const grown = messages[i]!.length + 1 + varint(next.length).length + next.length;
        assert.ok(grown >= limit, "one more event would have fitted");
      }
    }),
  );
});
