import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeInternalRequest, InternalField } from "@quorate/wire/hot";
import { RequestError } from "../errors.ts";
import { ForwardedProposals } from "./forwarded-proposals.ts";
import { Proposal } from "./proposal.ts";

class Probe extends Proposal {
  outcome = "waiting";
  constructor(id: bigint, startedMs = 0) {
    super(encodeInternalRequest(InternalField.put, new Uint8Array([1, 2]), id, "", 0));
    this.startedMs = startedMs;
  }
  override apply(): void {
    this.outcome = "applied";
  }
  override fail(error: Error): void {
    this.outcome = error.message;
  }
}

const entry = (data: Uint8Array) => ({ type: 0 as const, index: 7, term: 2, data });

test("the caller of a forwarded proposal is found by the ID in the entry, once", () => {
  const forwarded = new ForwardedProposals(7_000);
  const [first, second] = [new Probe(2n ** 63n + 1n), new Probe(5n)];
  forwarded.add([first, second]);
  assert.equal(forwarded.take(entry(new Probe(6n).data)), undefined);
  assert.equal(forwarded.take(entry(new Uint8Array([0xff, 0xff]))), undefined);
  assert.equal(forwarded.take(entry(first.data.slice())), first);
  assert.equal(forwarded.take(entry(first.data.slice())), undefined);
  assert.equal(forwarded.take(entry(second.data.slice())), second);
  assert.equal(forwarded.size, 0);
});

test("who waited too long is told why; the others go on", () => {
  const forwarded = new ForwardedProposals(7_000);
  const [old, young] = [new Probe(1n, 0), new Probe(2n, 5_000)];
  forwarded.add([old, young]);
  forwarded.expire(7_001, () => new RequestError("TIMEOUT_CONNECTION_LOST"));
  assert.equal(old.outcome, "etcdserver: request timed out, possibly due to connection lost");
  assert.equal(young.outcome, "waiting");
  forwarded.failAll(new RequestError("STOPPED"));
  assert.equal(young.outcome, "etcdserver: server stopped");
});
