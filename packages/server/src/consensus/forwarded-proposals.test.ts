import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeInternalRequest, InternalField } from "@quorate/wire/hot";
import { RequestError } from "../errors.ts";
import { ForwardedProposals } from "./forwarded-proposals.ts";
import { Probe } from "./testing.ts";

function put(id: bigint, startedMs = 0, request = [1, 2]): Probe {
  const data = encodeInternalRequest(InternalField.put, new Uint8Array(request), id, "", 0);
  return new Probe({ data, startedMs });
}

const entry = (data: Uint8Array) => ({ type: 0 as const, index: 7, term: 2, data });

test("the caller of a forwarded proposal is found by the ID in the entry, once", () => {
  const forwarded = new ForwardedProposals(7_000);
  const [first, second] = [put(2n ** 63n + 1n), put(5n)];
  forwarded.add([first, second]);
  assert.equal(forwarded.take(entry(put(6n).data)), undefined);
  assert.equal(forwarded.take(entry(new Uint8Array([0xff, 0xff]))), undefined);
  assert.equal(forwarded.take(entry(first.data.slice())), first);
  assert.equal(forwarded.take(entry(first.data.slice())), undefined);
  assert.equal(forwarded.take(entry(second.data.slice())), second);
  assert.equal(forwarded.size, 0);
});

test("who waited too long is told why; the others go on", () => {
  const forwarded = new ForwardedProposals(7_000);
  const [old, young] = [put(1n, 0), put(2n, 5_000)];
  forwarded.add([old, young]);
  forwarded.expire(7_001, () => new RequestError("TIMEOUT_CONNECTION_LOST"));
  assert.equal(old.outcome, "etcdserver: request timed out, possibly due to connection lost");
  assert.equal(young.outcome, "waiting");
  forwarded.failAll(new RequestError("STOPPED"));
  assert.equal(young.outcome, "etcdserver: server stopped");
});

test("an entry of another member with the same ID is not the caller's: the caller goes on waiting for its own", () => {
  const forwarded = new ForwardedProposals(7_000);
  const own = put(5n, 0, [1, 2]);
  forwarded.add([own]);
  assert.equal(forwarded.take(entry(put(5n, 0, [3, 4]).data)), undefined);
  assert.equal(own.outcome, "waiting");
  assert.equal(forwarded.take(entry(own.data.slice())), own);
});

test("the bytes of those that wait are counted, however they end", () => {
  const forwarded = new ForwardedProposals(7_000);
  const [applied, old, young] = [put(1n, 0), put(2n, 0), put(3n, 5_000)];
  forwarded.add([applied, old, young]);
  assert.equal(forwarded.bytes, 3 * applied.data.length);
  forwarded.take(entry(applied.data));
  forwarded.expire(7_001, () => new RequestError("TIMEOUT"));
  assert.equal(forwarded.bytes, young.data.length);
  forwarded.failAll(new RequestError("STOPPED"));
  assert.equal(forwarded.bytes, 0);
});
