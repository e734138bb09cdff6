import assert from "node:assert/strict";
import { test } from "node:test";
import { PingEnforcement, Pinger } from "./keepalive.ts";

const HOUR_MS = 3_600_000;
const cases = [
  {
    name: "pings at the allowed pace are fine",
    pings: [0, 5000, 10_000, 15_000, 20_000],
    streams: true,
    struck: -1,
  },
  { name: "the third ping too early is one too many", pings: [0, 100, 200, 300], streams: true, struck: 3 },
  {
    name: "without a call, pings need two hours between them",
    pings: [0, 5000, 10_000, 15_000],
    streams: false,
    struck: 3,
  },
  {
    name: "without a call, a rare ping is fine",
    pings: [0, 2 * HOUR_MS, 4 * HOUR_MS, 6 * HOUR_MS],
    streams: false,
    struck: -1,
  },
];
for (const { name, pings, streams, struck } of cases) {
  test(name, () => {
    const enforcement = new PingEnforcement(5000, false);
    assert.equal(
      pings.findIndex((atMs) => enforcement.onPing(atMs, streams, false)),
      struck,
    );
  });
}

test("sending anything forgives the strikes", () => {
  const enforcement = new PingEnforcement(5000, false);
  for (let i = 0; i < 100; i++) {
    assert.equal(enforcement.onPing(i, true, i % 3 === 2), false);
  }
});

test("pings without a call are fine where they are permitted", () => {
  const enforcement = new PingEnforcement(5000, true);
  for (let i = 0; i < 10; i++) assert.equal(enforcement.onPing(i * 5000, false, false), false);
});

test("a silent peer is pinged after the interval and dead after the timeout", () => {
  const pinger = new Pinger(1000, 200, 0);
  assert.equal(pinger.dueMs, 1000);
  assert.equal(pinger.step(1000, 0, true), "ping");
  assert.equal(pinger.dueMs, 1200);
  assert.equal(pinger.step(1200, 0, true), "dead");
});

test("a sign of life puts the next ping off", () => {
  const pinger = new Pinger(1000, 200, 0);
  assert.equal(pinger.step(1000, 900, true), "wait");
  assert.equal(pinger.dueMs, 1900);
  assert.equal(pinger.step(1900, 900, true), "ping");
  assert.equal(pinger.step(2100, 2000, true), "wait");
  assert.equal(pinger.dueMs, 3000);
});

test("nothing is pinged while there is nothing to keep alive", () => {
  const pinger = new Pinger(1000, 200, 0);
  assert.equal(pinger.step(1000, 0, false), "wait");
  assert.equal(pinger.step(2000, 0, true), "ping");
});
