import assert from "node:assert/strict";
import test from "node:test";
import { decodeMessage, type Event, WatchResponse } from "@quorate/wire/messages";
import { filterMask } from "./event-filter.ts";
import { SharedResponse } from "./shared-response.ts";

const HEADER = { clusterId: 1n, memberId: 2n, revision: 9n, raftTerm: 3n };
const [PUT, DELETE] = [0, 1];

function event(revision: number, type = PUT, valueBytes = 1): Event {
  const kv = {
    key: Buffer.from(`k${revision}`),
    value: Buffer.alloc(valueBytes, 1),
    createRevision: BigInt(revision),
    modRevision: BigInt(revision),
    version: 1n,
    lease: 0n,
  };
  return { type: type!, kv, prevKv: undefined };
}

function decoded(messages: Uint8Array[][]): WatchResponse[] {
  return messages.map((parts) => decodeMessage(WatchResponse, Buffer.concat(parts)));
}

const cases = [
  { name: "all of them", filters: [], from: 0n, want: [5, 6, 7] },
  { name: "none before where it begins", filters: [], from: 6n, want: [6, 7] },
  { name: "no puts", filters: [0], from: 0n, want: [6] },
  { name: "no deletions", filters: [1], from: 0n, want: [5, 7] },
  { name: "nothing with both filters", filters: [0, 1], from: 0n, want: [] },
  { name: "all in spite of filters that there are not", filters: [7], from: 0n, want: [5, 6, 7] },
];
for (const { name, filters, from, want } of cases) {
  test(`a watcher gets ${name}`, () => {
    const response = new SharedResponse(HEADER, [event(5), event(6, DELETE), event(7)]);
    const got = decoded(response.messagesFor(4n, filterMask(filters), from, false));
    assert.equal(got.length, want.length === 0 ? 0 : 1);
    assert.deepEqual(
      got.flatMap(({ events }) => events).map(({ kv }) => Number(kv!.modRevision)),
      want,
    );
    for (const each of got) assert.deepEqual([each.header, each.watchId, each.fragment], [HEADER, 4n, false]);
  });
}

test("large events are cut for those who ask for it, and for nobody else", () => {
  const events = [
    event(5, PUT, 1_500_000),
    event(5, PUT, 10),
    event(6, PUT, 1_500_000),
    event(7, PUT, 3_000_000),
  ];
  const response = new SharedResponse(HEADER, events);
  const parts = response.messagesFor(0n, 0, 0n, true);
  assert.deepEqual(
    decoded(parts).map(({ events: each, fragment }) => [each.length, fragment]),
    [
      [2, true],
      [1, true],
      [1, false],
    ],
  );
  assert.deepEqual(
    decoded(parts).flatMap((each) => each.events),
    decoded(response.messagesFor(0n, 0, 0n, false))[0]!.events,
  );
});

test("many small events stay below the limit in every part", () => {
  const events = Array.from({ length: 50_000 }, (_, i) => event(i + 1, PUT, 100));
  const parts = new SharedResponse(HEADER, events).messagesFor(0n, 0, 0n, true);
  assert.ok(parts.length > 2);
  for (const part of parts) assert.ok(Buffer.concat(part).length < 2_097_152);
  assert.equal(decoded(parts).flatMap((each) => each.events).length, events.length);
});
