import assert from "node:assert/strict";
import test from "node:test";
import { Code, GrpcError } from "@quorate/rpc/status";
import { isUnanswered, NotSent } from "./client.ts";

const failures: readonly (readonly [what: string, error: unknown, unanswered: boolean])[] = [
  [
    "the client's deadline has passed",
    new GrpcError(Code.DEADLINE_EXCEEDED, "context deadline exceeded"),
    true,
  ],
  [
    "the server saw the same deadline first",
    new GrpcError(Code.UNAVAILABLE, "etcdserver: request timed out"),
    true,
  ],
  ["the connection is gone", new GrpcError(Code.UNAVAILABLE, "the connection was closed"), true],
  ["raft has dropped the proposal", new GrpcError(Code.UNKNOWN, "raft proposal dropped"), true],
  ["it was never sent", new NotSent("not connected"), false],
  ["it was refused", new GrpcError(Code.FAILED_PRECONDITION, "etcdserver: Peer URLs already exists"), false],
  ["the server has a defect", new GrpcError(Code.INTERNAL, "TypeError: undefined"), false],
  ["the test has a defect", new TypeError("undefined"), false],
];

for (const [what, error, unanswered] of failures) {
  test(`a call is ${unanswered ? "" : "not "}unanswered when ${what}`, () => {
    assert.equal(isUnanswered(error), unanswered);
  });
}
