import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "@quorate/testkit/clock";
import { type Logger, silentLogger } from "../log/logger.ts";
import { PeerCounts } from "./metrics.ts";
import { PeerStatus } from "./peer-status.ts";

function watched() {
  const lines: string[] = [];
  const note = (message: string, fields?: Readonly<Record<string, unknown>>) =>
    void lines.push(fields?.error === undefined ? message : `${message}: ${fields.error}`);
  const log: Logger = { ...silentLogger, info: note, warn: note };
  return { lines, status: new PeerStatus(1n, new ManualClock(), log, new PeerCounts()) };
}

test("each reason why a peer cannot be reached is logged once, however many links fail in turn", () => {
  const { lines, status } = watched();
  for (let i = 0; i < 10; i++) {
    status.deactivate("message stream: refused");
    status.deactivate("msgapp stream: refused");
  }
  assert.deepEqual(lines, [
    "peer cannot be reached: message stream: refused",
    "peer cannot be reached: msgapp stream: refused",
  ]);
});

test("after it was reached the same reason is news again", () => {
  const { lines, status } = watched();
  status.deactivate("refused");
  status.activate();
  status.deactivate("refused");
  status.deactivate("refused");
  assert.deepEqual(lines, [
    "peer cannot be reached: refused",
    "peer became active",
    "peer became inactive: refused",
  ]);
});

test("a peer that fails in ever new ways does not fill the log", () => {
  const { lines, status } = watched();
  for (let i = 0; i < 1_000; i++) status.deactivate(`reason ${i}`);
  assert.equal(lines.length, 8);
});
