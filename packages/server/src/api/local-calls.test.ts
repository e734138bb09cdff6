import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServerCall } from "@quorate/rpc/server";
import { ClusterHarness, LOCAL_ID, testMember } from "./cluster-context.testing.ts";
import { localCalls } from "./local-calls.ts";
import { Services } from "./services.ts";

/** A call of a stream, as its caller and as its handler see it. */
function startStream() {
  const cluster = new ClusterHarness([testMember(Number(LOCAL_ID))]);
  cluster.membership.applyVersion("3.7.0");
  const services = new Services(cluster.context);
  const handled: ServerCall[] = [];
  services.addStream("/test/Stream", (call) => handled.push(call));
  const seen: string[] = [];
  const calls = localCalls(services, cluster.clock, 1_000);
  const caller = calls.start("/test/Stream", new Map(), Number.POSITIVE_INFINITY, {
    onMessage: (bytes) => seen.push(`message ${bytes.length}`),
    onParts: (parts) => seen.push(`parts ${parts.length}`),
    onPauseReading: () => seen.push("pause"),
    onResumeReading: () => seen.push("resume"),
    onEnd: (code) => seen.push(`end ${code}`),
  });
  return { caller, call: handled[0]!, seen };
}

test("a caller hears that its requests are not wanted, and what it sends all the same waits", () => {
  const { caller, call, seen } = startStream();
  const got: number[] = [];
  call.onMessage = (message) => {
    got.push(message.length);
    call.pauseReading();
  };
  for (const length of [1, 2, 3]) caller.send(new Uint8Array(length));
  assert.deepEqual([got, seen], [[1], ["pause"]]);
  call.resumeReading();
  assert.deepEqual(
    [got, seen],
    [
      [1, 2],
      ["pause", "pause"],
    ],
  );
  call.resumeReading();
  call.resumeReading();
  assert.deepEqual(
    [got, seen],
    [
      [1, 2, 3],
      ["pause", "pause", "pause", "resume"],
    ],
  );
});

test("the end of the requests comes behind those that wait", () => {
  const { caller, call, seen } = startStream();
  const got: string[] = [];
  call.onMessage = (message) => got.push(`${message.length}`);
  call.onHalfClose = () => got.push("half-close");
  call.pauseReading();
  caller.send(new Uint8Array(1));
  caller.halfClose();
  assert.deepEqual(got, []);
  call.resumeReading();
  assert.deepEqual(
    [got, seen],
    [
      ["1", "half-close"],
      ["pause", "resume"],
    ],
  );
});

test("an answer in parts stays in parts", () => {
  const { call, seen } = startStream();
  let released = 0;
  const release = () => released++;
  call.replyInParts([new Uint8Array(1), new Uint8Array(2)], release);
  assert.deepEqual([seen, released], [["parts 2", "end 0"], 0]);
  // The call is over: nobody will read these.
  call.replyInParts([new Uint8Array(1), new Uint8Array(2)], release);
  assert.equal(released, 2);
});
