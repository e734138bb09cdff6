import assert from "node:assert/strict";
import test from "node:test";
import { RaftInvariantError } from "@quorate/raft";
import { RpcInvariantError } from "@quorate/rpc/server";
import { AssertionFailure } from "@quorate/storage/assert";
import { silentLogger } from "../log/logger.ts";
import { RequestDefects } from "./request-defects.ts";

const cases = [
  { error: new AssertionFailure("one at a time"), ends: true },
  { error: new RaftInvariantError("no gap"), ends: true },
  { error: new RpcInvariantError("once"), ends: true },
  { error: new TypeError("not a function"), ends: false },
  { error: "a text", ends: false },
];
for (const { error, ends } of cases) {
  const name = error instanceof Error ? error.name : typeof error;
  test(`${name} on the way of a request ${ends ? "ends the member" : "costs that request only"}`, () => {
    const failures: Error[] = [];
    const defects = new RequestDefects(silentLogger, (failure) => failures.push(failure));
    defects.report(error, "/etcdserverpb.KV/Put");
    assert.equal(defects.count, 1);
    assert.deepEqual(failures, ends ? [error] : []);
  });
}
