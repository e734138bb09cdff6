import assert from "node:assert/strict";
import test from "node:test";
import type { ServerCall } from "@quorate/rpc/server";
import { Code } from "@quorate/rpc/status";
import { ManualClock } from "@quorate/testkit/clock";
import { FAILURES } from "../errors.ts";
import { silentLogger } from "../log/logger.ts";
import { DenialLog } from "./denial-log.ts";
import { LOOPBACK } from "./loopback.ts";
import { asOne, type CallObserver, type CallReport, ObservedCall } from "./observed-calls.ts";

/** A call that ends with `status` under observation; how often it was looked at who makes it, which reports do and nothing else. */
function endOf(observer: CallObserver, [code, text]: readonly [number, string]): number {
  let looks = 0;
  const call = {
    path: "/etcdserverpb.KV/Put",
    get peer() {
      looks++;
      return LOOPBACK;
    },
    ended: false,
    fail: () => {},
  } as unknown as ServerCall;
  new ObservedCall(call, observer, false).fail(code, text);
  return looks;
}

test("of a call that nobody wants to hear of no report is made", () => {
  const denials = new DenialLog(new ManualClock(), silentLogger);
  assert.equal(endOf(denials, [Code.OK, ""]), 0);
  assert.equal(endOf(denials, FAILURES.KEY_NOT_PROVIDED), 0);
  assert.equal(endOf(denials, FAILURES.PERMISSION_DENIED), 1);
  assert.equal(denials.counts.permission_denied, 1);
});

test("several observers are told what one of them wants to hear", () => {
  const told: CallReport<unknown>[] = [];
  const all: CallObserver = { ended: (report) => void told.push(report) };
  const denials = new DenialLog(new ManualClock(), silentLogger);
  const both = asOne([denials, all])!;
  endOf(both, [Code.OK, ""]);
  endOf(both, FAILURES.PERMISSION_DENIED);
  assert.deepEqual(
    told.map(({ status }) => status),
    [[Code.OK, ""], [...FAILURES.PERMISSION_DENIED]],
  );
  assert.equal(denials.counts.permission_denied, 1);
});
