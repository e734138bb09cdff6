import assert from "node:assert/strict";
import { test } from "node:test";
import { judge } from "./run-test.ts";

const PASSED =
  "=== RUN   TestKVPut\n--- PASS: TestKVPut (1.52s)\n    --- PASS: TestKVPut/NoTLS (0.7s)\nPASS\n";
const FAILED = `=== RUN   TestKVPut
    logger.go:146: 2026-11-29T16:52:33.795Z	INFO	starting server...
    kv_test.go:55: count not equal, expected 1, got 0
    kv_test.go:60:
        	Error Trace:	/tests/common/kv_test.go:60
        	Error:      	Received unexpected error:
        	            	context deadline exceeded
--- FAIL: TestKVPut (1.52s)
FAIL
`;

test("a test has passed when Go says so and the program ends well", () => {
  assert.deepEqual(judge("TestKVPut", PASSED, 0), { kind: "passed", why: "" });
  assert.equal(judge("TestKVPut", PASSED, 1).kind, "failed");
});

test("servers that a test has stopped may end after it", () => {
  const leaked = `${PASSED}etcd (12): stopped\nUnexpected goroutines running after all test(s).\n1 instances of:\nsyscall.Syscall(...)\n`;
  assert.equal(judge("TestKVPut", leaked, 1).kind, "passed");
  assert.equal(judge("TestKVPut", leaked, 2).kind, "failed");
  assert.equal(judge("TestKVPut", leaked.replaceAll("PASS", "FAIL"), 1).kind, "failed");
});

test("a program that had no such test, as after a change of names, has tested nothing", () => {
  const nothing = judge("TestKVPut", "testing: warning: no tests to run\nPASS\n", 0);
  assert.deepEqual(nothing, { kind: "failed", why: "the program has no such test" });
  assert.equal(judge("TestKV", PASSED, 0).kind, "failed");
});

test("of a failure the test's own words are shown, not what was logged", () => {
  const { kind, why } = judge("TestKVPut", FAILED, 1);
  assert.equal(kind, "failed");
  assert.match(why, /count not equal, expected 1, got 0/);
  assert.match(why, /Received unexpected error: context deadline exceeded/);
  assert.doesNotMatch(why, /starting server/);
});

test("of a crash of the program its last words are shown", () => {
  assert.match(judge("TestKVPut", "panic: test timed out after 4m0s\n", 2).why, /test timed out/);
});

test("a test that was stopped has failed, one that etcd skips says why", () => {
  assert.equal(judge("TestKVPut", PASSED, undefined).kind, "failed");
  const skipped =
    "    testing.go:25: Changing working directory to: /tmp/d\n    kv_test.go:9: needs lazyfs\n--- SKIP: TestKVPut (0.00s)\nPASS\n";
  assert.deepEqual(judge("TestKVPut", skipped, 0), { kind: "skipped", why: "kv_test.go:9: needs lazyfs" });
});
