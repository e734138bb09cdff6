import assert from "node:assert/strict";
import net from "node:net";
import test, { type TestContext } from "node:test";
import { MessageType } from "@quorate/raft";
import { freePorts, listenOnFreePort } from "@quorate/testkit/ports";
import { until } from "@quorate/testkit/wait";
import { systemCertificates } from "../tls/testing.ts";
import { PeerDialer } from "./dialer.ts";
import type { PeerAddress } from "./peer-address.ts";
import { createPeerRequests } from "./peer-requests.ts";
import { manualClock, message, noRandom, startMember } from "./testing.ts";

const { MsgApp, MsgHeartbeat, MsgPreVote, MsgPreVoteResp, MsgVoteResp } = MessageType;
const PEER = 0xbn;

/** Nobody is there, whatever is dialled. */
class RefusingDialer extends PeerDialer {
  readonly dialed: string[] = [];

  constructor() {
    super(systemCertificates);
  }

  override dial({ url }: PeerAddress): Promise<net.Socket> {
    this.dialed.push(url);
    return Promise.reject(new Error("connection refused"));
  }
}

class CountingDialer extends PeerDialer {
  count = 0;
  readonly sockets: net.Socket[] = [];

  constructor() {
    super(systemCertificates);
  }

  override async dial(...parameters: Parameters<PeerDialer["dial"]>): Promise<net.Socket> {
    this.count++;
    const socket = await super.dial(...parameters);
    this.sockets.push(socket);
    return socket;
  }
}

/** A member that knows one peer, which is not there. */
async function startAlone(t: TestContext, urls: readonly string[] = ["http://127.0.0.1:1"]) {
  const clock = manualClock();
  clock.advance(10_000);
  const dialer = new RefusingDialer();
  const a = await startMember(t, 0xan, { clock, random: noRandom, dialer });
  a.transport.addPeer(PEER, urls);
  /** What became of the dials is known before time goes on. */
  const pass = async (ms: number, eachTenth: () => void = () => {}) => {
    for (let passedMs = 0; passedMs < ms; passedMs += 10) {
      if (passedMs % 100 === 0) eachTenth();
      clock.advance(10);
      for (let i = 0; i < 3; i++) await new Promise(setImmediate);
    }
  };
  const send = (type: MessageType) => a.transport.send([message(type, PEER, { from: a.id, term: 1 })]);
  return { a, dialer, pass, send };
}

test("a peer that is not there is dialled about once a second by all links together", async (t) => {
  const { a, dialer, pass, send } = await startAlone(t);
  let sent = 0;
  const heartbeat = () => {
    sent++;
    send(MsgHeartbeat);
  };
  await pass(1_500, heartbeat);
  // Both streams and a heartbeat at once, and then after 100, 300 and 900 ms.
  assert.ok(dialer.dialed.length <= 6, `${dialer.dialed.length} dials`);
  dialer.dialed.length = 0;
  await pass(20_000, heartbeat);
  assert.ok(dialer.dialed.length >= 18 && dialer.dialed.length <= 21, `${dialer.dialed.length} dials`);
  await pass(10);
  // None of the messages that were not sent is lost without a word.
  assert.equal(a.events.unreachableIds.length, sent);
  assert.equal(a.transport.metrics.of(PEER).sentFailures, sent);
});

test("a peer that has gone is dialled by one of its links, not by each", async (t) => {
  const clock = manualClock();
  const dialer = new CountingDialer();
  const a = await startMember(t, 0xan, { clock, random: noRandom, dialer });
  const b = await startMember(t, PEER);
  a.transport.addPeer(b.id, [b.url]);
  b.transport.addPeer(a.id, [a.url]);
  await until(() => a.transport.attachedStreams(b.id) === 2 && b.transport.attachedStreams(a.id) === 2);
  // Something has come by each stream.
  b.transport.send([message(MsgHeartbeat, a.id, { from: b.id }), message(MsgApp, a.id, { from: b.id })]);
  await until(() => a.events.messages.length === 2);
  const before = dialer.count;
  await b.stop();
  await until(
    () => a.transport.attachedStreams(b.id) === 0 && dialer.sockets.every((each) => each.destroyed),
  );
  await new Promise(setImmediate);
  // Both streams are to be made again after as long, and there are messages to post.
  clock.advance(100);
  for (let i = 0; i < 10; i++) a.transport.send([message(MsgHeartbeat, b.id, { from: a.id, term: 1 })]);
  await until(() => a.events.unreachableIds.length >= 10);
  assert.equal(dialer.count, before + 1);
});

test("of several addresses each is tried", async (t) => {
  const urls = ["http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3"];
  const { dialer, pass } = await startAlone(t, urls);
  await pass(5_000);
  assert.deepEqual(new Set(dialer.dialed), new Set(urls));
});

test("a vote is asked for at once after a silence, and given at once at any time", async (t) => {
  const { dialer, pass, send } = await startAlone(t);
  // Nobody's turn is due.
  await pass(20_000);
  const before = dialer.dialed.length;
  send(MsgHeartbeat);
  assert.equal(dialer.dialed.length, before);
  send(MsgPreVote);
  send(MsgPreVote);
  assert.equal(dialer.dialed.length, before + 1);
  send(MsgPreVoteResp);
  send(MsgVoteResp);
  assert.equal(dialer.dialed.length, before + 3);
});

test("a peer that comes back and dials this member is dialled at once", async (t) => {
  const clock = manualClock();
  clock.advance(10_000);
  const [port] = await freePorts(1);
  const a = await startMember(t, 0xan, { clock, random: noRandom });
  const url = `http://127.0.0.1:${port}`;
  a.transport.addPeer(PEER, [url]);
  for (let i = 0; i < 20; i++) {
    clock.advance(1_000);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const b = await startMember(t, PEER, { listenUrl: url });
  b.transport.addPeer(a.id, [a.url]);
  // a's clock stands still.
  await until(() => a.transport.attachedStreams(b.id) === 2 && b.transport.attachedStreams(a.id) === 2);
});

test("a stream whose dial hangs while the peer was not there is dialled again when the peer answers", async (t) => {
  const clock = manualClock();
  const a = await startMember(t, 0xan, { clock, random: noRandom, readTimeoutMs: 600_000 });
  const b = await startMember(t, PEER);
  // Takes connections, and forwards none of them before the peer is there; the first one is forgotten.
  const { hostname, port } = new URL(b.url);
  const taken: net.Socket[] = [];
  let isThere = false;
  const forward = (socket: net.Socket) => {
    const onward = net.connect(Number(port), hostname);
    socket.pipe(onward).pipe(socket);
    for (const each of [socket, onward]) each.on("error", () => each.destroy());
  };
  const proxy = net.createServer((socket) => (isThere ? forward(socket) : taken.push(socket)));
  await listenOnFreePort(proxy);
  t.after(() => {
    proxy.close();
    for (const socket of taken) socket.destroy();
  });
  a.transport.addPeer(b.id, [`http://127.0.0.1:${(proxy.address() as net.AddressInfo).port}`]);
  b.transport.addPeer(a.id, [a.url]);
  await until(() => taken.length === 2);
  clock.advance(1_000);
  isThere = true;
  forward(taken[1]!);
  await until(() => b.transport.attachedStreams(a.id) >= 1);
  for (let i = 0; i < 500 && b.transport.attachedStreams(a.id) < 2; i++) {
    clock.advance(10);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  assert.equal(b.transport.attachedStreams(a.id), 2);
});

test("single requests to where nobody answers are not all dialled", async (t) => {
  const clock = manualClock();
  const dialer = new RefusingDialer();
  const requests = createPeerRequests({ dialer, clock, random: noRandom });
  t.after(() => requests.close());
  const ask = () => requests.send("http://127.0.0.1:1", { method: "GET", path: "/", timeoutMs: 5_000 });
  await assert.rejects(ask(), /connection refused/);
  for (let i = 0; i < 10; i++) await assert.rejects(ask(), /nobody answered there a moment ago/);
  clock.advance(100);
  await assert.rejects(ask(), /connection refused/);
  assert.equal(dialer.dialed.length, 2);
});
