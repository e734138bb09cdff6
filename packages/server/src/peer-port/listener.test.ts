import assert from "node:assert/strict";
import net from "node:net";
import test, { type TestContext } from "node:test";
import tls from "node:tls";
import { realClock } from "@quorate/storage/seams/real-clock";
import { realRandom } from "@quorate/storage/seams/real-random";
import { ManualClock } from "@quorate/testkit/clock";
import { until } from "@quorate/testkit/wait";
import { silentLogger } from "../log/logger.ts";
import { PeerDialer } from "../peer/dialer.ts";
import { PeerTransport } from "../peer/peer-transport.ts";
import { CLUSTER_ID, RecordedEvents } from "../peer/testing.ts";
import { certificatesOf, makeCertificate, systemCertificates, writeTls } from "../tls/testing.ts";
import { openPeerListeners, type PeerListenOptions } from "./listener.ts";
import { PeerServer } from "./server.ts";

/** Listeners that serve nobody before `serve` is called. */
async function startEarly(t: TestContext, options: Partial<PeerListenOptions> = {}) {
  const ca = makeCertificate({ commonName: "ca", isCa: true });
  const own = makeCertificate({ commonName: "member", names: ["127.0.0.1"], issuer: ca });
  const certificates = options.secure ? certificatesOf(writeTls(t, own, ca).settings) : undefined;
  const listeners = await openPeerListeners({
    listenUrls: [`${options.secure ? "https" : "http"}://127.0.0.1:0`],
    secure: false,
    early: "hold",
    clock: realClock,
    ...options,
  });
  const transport = new PeerTransport({
    localId: 0xan,
    clusterId: CLUSTER_ID,
    advertisedUrls: () => [],
    isRemoved: () => false,
    events: new RecordedEvents(),
    dialer: new PeerDialer(systemCertificates),
    clock: realClock,
    random: realRandom,
    log: silentLogger,
    dialTimeoutMs: 2_000,
    readTimeoutMs: 5_000,
    writeTimeoutMs: 5_000,
  });
  const server = new PeerServer(transport, (_, response) => {
    response.writeHead(404);
    response.end();
  });
  t.after(() => listeners.close());
  return {
    port: Number(new URL(listeners.urls[0]!).port),
    certificates,
    listeners,
    serve: () => listeners.serve(server, certificates, silentLogger),
  };
}

/** A connection that asks for something at once. */
function ask(t: TestContext, port: number, context?: tls.SecureContext) {
  const asking = { connected: false, closed: false, text: "" };
  const socket =
    context === undefined
      ? net.connect(port, "127.0.0.1")
      : tls.connect({ port, host: "127.0.0.1", secureContext: context });
  t.after(() => socket.destroy());
  socket.on("connect", () => {
    asking.connected = true;
  });
  socket.on("data", (bytes) => {
    asking.text += bytes.toString("latin1");
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    asking.closed = true;
  });
  socket.write("GET /raft/probing HTTP/1.1\r\nHost: x\r\n\r\n");
  return asking;
}

for (const secure of [false, true]) {
  test(`connections by ${secure ? "https" : "http"} that come too early are answered when there is who answers`, async (t) => {
    const { certificates, listeners, port, serve } = await startEarly(t, { secure });
    const context = (await certificates?.clientCredentials())?.context;
    const early = [ask(t, port, context), ask(t, port, context)];
    await until(() => early.every(({ connected }) => connected) && listeners.connectionCount === 2);
    serve();
    const late = ask(t, port, context);
    const all = [...early, late];
    await until(() => all.every(({ text }) => text.startsWith("HTTP/1.1 200 OK")));
  });
}

test("connections that come too early are closed at once when that is wanted, and later ones served", async (t) => {
  const { port, serve } = await startEarly(t, { early: "close" });
  const early = ask(t, port);
  await until(() => early.closed);
  assert.equal(early.text, "");
  serve();
  const late = ask(t, port);
  await until(() => late.text.startsWith("HTTP/1.1 200 OK"));
});

test("no more than 256 connections wait: the oldest are closed", async (t) => {
  const { listeners, port, serve } = await startEarly(t);
  const first = ask(t, port);
  await until(() => listeners.connectionCount === 1);
  const second = ask(t, port);
  await until(() => listeners.connectionCount === 2);
  const others = Array.from({ length: 255 }, () => ask(t, port));
  await until(() => first.closed);
  assert.equal(second.closed, false);
  serve();
  await until(() => [second, ...others].every(({ text }) => text.startsWith("HTTP/1.1 200 OK")));
});

test("closing ends the connections that wait", async (t) => {
  const { listeners, port } = await startEarly(t);
  const early = ask(t, port);
  await until(() => listeners.connectionCount === 1);
  await listeners.close();
  await until(() => early.closed);
});

test("a connection waits no longer than a peer does", async (t) => {
  const clock = new ManualClock();
  const { listeners, port } = await startEarly(t, { clock });
  const early = ask(t, port);
  await until(() => listeners.connectionCount === 1);
  clock.advance(4_999);
  assert.equal(listeners.connectionCount, 1);
  clock.advance(1);
  await until(() => early.closed);
  assert.equal(clock.timerCount, 0);
});
