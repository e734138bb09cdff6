import assert from "node:assert/strict";
import http from "node:http";
import type { AddressInfo } from "node:net";
import test, { type TestContext } from "node:test";
import type { ManualClock } from "@quorate/testkit/clock";
import { listenOnFreePort } from "@quorate/testkit/ports";
import { until } from "@quorate/testkit/wait";
import type { Logger } from "../log/logger.ts";
import { systemCertificates } from "../tls/testing.ts";
import { DialSchedule } from "./dial-schedule.ts";
import { PeerAgent, PeerDialer } from "./dialer.ts";
import { PeerCounts } from "./metrics.ts";
import { Prober } from "./prober.ts";
import { manualClock, noRandom } from "./testing.ts";
import { UrlPicker } from "./url-picker.ts";

async function setUp(t: TestContext, answer: (clock: ManualClock) => string, status = 200) {
  const clock = manualClock();
  let asked = 0;
  const server = http.createServer((_, response) => {
    response.writeHead(status);
    response.end(answer(clock));
    asked++;
  });
  await listenOnFreePort(server);
  const lines: string[] = [];
  const note = (line: string) => void lines.push(line);
  const log: Logger = { debug: note, info: note, warn: note, error: note, fatal: note, for: () => log };
  const agent = new PeerAgent(new PeerDialer(systemCertificates), {
    dialTimeoutMs: 2_000,
    maxIdleConnections: 0,
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const picker = new UrlPicker([url, "http://127.0.0.1:1"]);
  const counts = new PeerCounts();
  const schedule = new DialSchedule(clock, noRandom);
  const prober = new Prober({ peerId: 2n, name: "test", agent, picker, schedule, counts, clock, log });
  t.after(() => {
    prober.close();
    server.close();
    server.closeAllConnections();
  });
  return { clock, counts, lines, picker, prober, schedule, url, asked: () => asked };
}

const wellAt = (ms: number) => JSON.stringify({ OK: true, Now: new Date(ms).toISOString() });

test("the first probe comes after 4 s, and its round trip is told", async (t) => {
  const { asked, clock, counts, lines } = await setUp(t, (clock) => wellAt(clock.wallMs()));
  clock.advance(3_999);
  assert.equal(asked(), 0);
  clock.advance(1);
  await until(() => asked() === 1);
  clock.advance(1_000);
  assert.equal(counts.roundTripSeconds.count, 1);
  assert.deepEqual(lines, []);
});

test("a clock that is off by more than a second is reported", async (t) => {
  const { asked, clock, lines } = await setUp(t, (clock) => wellAt(clock.wallMs() - 5_000));
  clock.advance(4_000);
  await until(() => asked() === 1);
  // When the answer has come the next look at the clocks finds it.
  await until(() => {
    clock.advance(10);
    return lines.length > 0;
  });
  assert.deepEqual(lines, ["prober found high clock drift"]);
});

for (const { name, body, status } of [
  { name: "an error", body: wellAt(0), status: 500 },
  { name: "no JSON", body: "<html>", status: 200 },
  { name: "not being well", body: '{"OK":false,"Now":"2026-01-01T00:00:00Z"}', status: 200 },
  { name: "too much", body: "x".repeat(100_000), status: 200 },
]) {
  test(`${name} is a failure, and the next address is tried`, async (t) => {
    const { clock, lines, picker, url } = await setUp(t, () => body, status);
    assert.equal(picker.current?.url, url);
    clock.advance(4_000);
    await until(() => picker.current?.url !== url);
    clock.advance(1_000);
    assert.deepEqual(lines, ["prober detected unhealthy status"]);
  });
}

test("no question is asked while others find that the peer does not answer, and that is a failure, too", async (t) => {
  const { asked, clock, lines, schedule } = await setUp(t, (clock) => wellAt(clock.wallMs()));
  clock.advance(3_990);
  schedule.failed(clock.nowMs());
  clock.advance(10);
  clock.advance(1_000);
  assert.equal(asked(), 0);
  assert.deepEqual(lines, ["prober detected unhealthy status"]);
  clock.advance(3_000);
  await until(() => asked() === 1);
});

test("a closed prober leaves no timers", async (t) => {
  const { clock, prober } = await setUp(t, (clock) => wellAt(clock.wallMs()));
  clock.advance(4_000);
  prober.close();
  await until(() => clock.timerCount === 0);
});
