import assert from "node:assert/strict";
import http from "node:http";
import net from "node:net";
import test, { type TestContext } from "node:test";
import { type Message, MessageType } from "@quorate/raft";
import type { SnapshotDatabase } from "@quorate/storage/seams/transport";
import { listenOnFreePort } from "@quorate/testkit/ports";
import { until } from "@quorate/testkit/wait";
import { entry, message, startMember, type TestMember } from "./testing.ts";

const { MsgApp, MsgAppResp, MsgHeartbeat, MsgSnap, MsgStorageAppend, MsgVote } = MessageType;

function link(a: TestMember, b: TestMember): void {
  a.transport.addPeer(b.id, [b.url]);
  b.transport.addPeer(a.id, [a.url]);
}

/** Whether `from` sends to `to` by streams, of both kinds. */
const streamsFrom = (from: TestMember, to: TestMember) => from.transport.attachedStreams(to.id) === 2;

async function startPair(t: TestContext): Promise<[TestMember, TestMember]> {
  const a = await startMember(t, 0xan);
  const b = await startMember(t, 0xbn);
  link(a, b);
  await until(() => streamsFrom(a, b) && streamsFrom(b, a));
  return [a, b];
}

const facts = ({ type, from, index, commit, entries }: Message) => ({
  type,
  from,
  index,
  commit,
  entries: entries.map(({ data }) => Buffer.from(data).toString()),
});

test("messages of one call arrive in their order, those of one stream in one call", async (t) => {
  const [a, b] = await startPair(t);
  const sent = [
    message(MsgApp, b.id, { from: a.id, term: 1, entries: [entry(1, "x")] }),
    message(MsgApp, b.id, { from: a.id, term: 1, logTerm: 1, index: 1, entries: [entry(2, "y")], commit: 1 }),
    message(MsgApp, b.id, { from: a.id, term: 1, logTerm: 1, index: 2, commit: 2 }),
  ];
  a.transport.send(sent);
  await until(() => b.events.messages.length === 3);
  assert.deepEqual(b.events.messages.map(facts), sent.map(facts));
  assert.equal(b.events.batches.length, 1);
  b.transport.send([message(MsgHeartbeat, a.id, { from: b.id, term: 1, context: Buffer.from("c") })]);
  await until(() => a.events.messages.length === 1);
  assert.equal(Buffer.from(a.events.messages[0]!.context!).toString(), "c");
});

test("of several acknowledgements to one member only the newest is sent, to each member its own", async (t) => {
  const [a, b] = await startPair(t);
  a.transport.send([
    message(MsgAppResp, b.id, { from: a.id, index: 1 }),
    message(MsgHeartbeat, b.id, { from: a.id, term: 1 }),
    message(MsgAppResp, b.id, { from: a.id, index: 2 }),
    message(MsgAppResp, b.id, { from: a.id, index: 3 }),
    message(MsgVote, b.id, { from: a.id }),
  ]);
  await until(() => b.events.messages.length === 3);
  assert.deepEqual(
    b.events.messages.map(({ type, index }) => [type, index]),
    [
      [MsgHeartbeat, 0],
      [MsgAppResp, 3],
      [MsgVote, 0],
    ],
  );
});

test("very many bytes of entries are sent over several turns, in order, and heartbeats do not wait for them", async (t) => {
  const [a, b] = await startPair(t);
  const count = 24;
  const data = "x".repeat(2 ** 20);
  const sent = Array.from({ length: count }, (_, i) =>
    message(MsgApp, b.id, { from: a.id, term: 1, logTerm: 1, index: i, entries: [entry(i + 1, data)] }),
  );
  const { sentBytes: before } = a.transport.metrics.of(b.id);
  const bytesSent = () => a.transport.metrics.of(b.id).sentBytes - before;
  a.transport.send([...sent, message(MsgHeartbeat, b.id, { from: a.id, term: 1 })]);
  let most = bytesSent();
  for (let last = most; last < count * data.length; last = bytesSent()) {
    await new Promise((resolve) => setImmediate(resolve));
    most = Math.max(most, bytesSent() - last);
  }
  assert.ok(most < 6 * 2 ** 20, `${most} bytes in a turn`);
  await until(() => b.events.messages.length === count + 1);
  const { messages } = b.events;
  const entries = messages.filter(({ type }) => type === MsgApp);
  assert.deepEqual(
    entries.map(({ index }) => index),
    sent.map(({ index }) => index),
  );
  assert.ok(messages.findIndex(({ type }) => type === MsgHeartbeat) < count / 2);
});

test("very many tiny entries are decoded over several turns, and messages arrive in their order", async (t) => {
  const [a, b] = await startPair(t);
  const count = 20_000;
  const sent = Array.from({ length: 6 }, (_, i) =>
    message(MsgApp, b.id, {
      from: a.id,
      term: 1,
      logTerm: 1,
      index: i * count,
      entries: Array.from({ length: count }, (_, k) => entry(i * count + k + 1, "x")),
    }),
  );
  a.transport.send(sent);
  await until(() => b.events.messages.length === sent.length);
  assert.deepEqual(
    b.events.messages.map(({ index, entries }) => [index, entries.length, entries.at(-1)?.index]),
    sent.map(({ index, entries }) => [index, entries.length, entries.at(-1)?.index]),
  );
  const { mostInATurn } = b.transport.receiving.meter;
  assert.ok(mostInATurn > 2 ** 20);
  assert.ok(mostInATurn < 4 * 2 ** 20, `${mostInATurn} in a turn`);
});

test("messages to nobody, to oneself and to strangers go nowhere", async (t) => {
  const [a, b] = await startPair(t);
  a.transport.send([
    message(MsgHeartbeat, 0n, { from: a.id }),
    message(MsgHeartbeat, a.id, { from: a.id }),
    message(MsgHeartbeat, 77n, { from: a.id }),
    message(MsgVote, b.id, { from: a.id }),
  ]);
  await until(() => b.events.messages.length === 1);
  assert.deepEqual(a.events.unreachableIds, []);
  assert.equal(a.events.messages.length, 0);
});

test("what a member tells only itself, and messages to others, are not taken from the network", async (t) => {
  const [a, b] = await startPair(t);
  a.transport.send([
    message(MsgStorageAppend, b.id, { from: a.id }),
    message(MsgSnap, b.id, { from: a.id }),
    message(MsgVote, b.id, { from: a.id }),
  ]);
  await until(() => b.events.messages.length > 0);
  assert.deepEqual(
    b.events.messages.map(({ type }) => type),
    [MsgVote],
  );
});

test("a member without streams is reached by posts, and answered without being known", async (t) => {
  const a = await startMember(t, 0xan);
  const b = await startMember(t, 0xbn);
  // b does not know a: a's requests for streams fail, so that only posts remain in the direction from a.
  a.transport.addPeer(b.id, [b.url]);
  a.transport.send([message(MsgVote, b.id, { from: a.id, term: 3 })]);
  await until(() => b.events.messages.length === 1);
  assert.equal(b.events.messages[0]!.term, 3);
  // b learned from the post where a is.
  b.transport.send([message(MsgHeartbeat, a.id, { from: b.id, term: 3 })]);
  await until(() => a.events.messages.length === 1);
  assert.equal(b.transport.activeSince(a.id), undefined);
});

test("a member that cannot be reached is reported for each message that is lost", async (t) => {
  const a = await startMember(t, 0xan);
  a.transport.addPeer(0xbn, ["http://127.0.0.1:1"]);
  a.transport.send([message(MsgVote, 0xbn, { from: a.id })]);
  await until(() => a.events.unreachableIds.length === 1);
  const flood = Array.from({ length: 200 }, () => message(MsgVote, 0xbn, { from: a.id }));
  a.transport.send(flood);
  // 64 are queued and 4 under way; the rest is dropped at once and reported once.
  await until(() => a.transport.metrics.of(0xbn).sentFailures === 201);
  assert.equal(a.transport.activeSince(0xbn), undefined);
});

test("a peer is active from its first stream on, and inactive when it is gone", async (t) => {
  const [a, b] = await startPair(t);
  const since = a.transport.activeSince(b.id);
  assert.ok(since !== undefined && since <= performance.now());
  await b.stop();
  await until(() => a.transport.activeSince(b.id) === undefined);
  assert.equal(a.transport.attachedStreams(b.id), 0);
  assert.equal(a.transport.metrics.of(b.id).active, 0);
  assert.ok(a.transport.metrics.of(b.id).disconnects >= 1);
});

test("a member that comes back on another address is found after an update", async (t) => {
  const [a, b] = await startPair(t);
  await b.stop();
  const again = await startMember(t, b.id);
  again.transport.addPeer(a.id, [a.url]);
  a.transport.updatePeer(b.id, ["http://127.0.0.1:1", again.url]);
  await until(() => streamsFrom(a, again) && streamsFrom(again, a));
  a.transport.send([message(MsgVote, b.id, { from: a.id, term: 9 })]);
  await until(() => again.events.messages.length === 1);
});

/** A stream of `kind` from member 0xa to 0xb, read by hand. */
async function openStream(t: TestContext, member: TestMember, kind: string) {
  const socket = net.connect(Number(new URL(member.url).port), "127.0.0.1");
  t.after(() => socket.destroy());
  const stream = { socket, text: "", ended: false };
  socket.on("data", (bytes) => {
    stream.text += bytes.toString("latin1");
  });
  socket.on("end", () => {
    stream.ended = true;
  });
  socket.write(
    `GET /raft/stream/${kind}/b HTTP/1.1\r\nHost: x\r\nX-Raft-To: a\r\nX-Server-Version: 3.7.1\r\n` +
      "X-Min-Cluster-Version: 3.0.0\r\nX-Etcd-Cluster-ID: c63a13ba3ce23b4f\r\n\r\n",
  );
  await until(() => stream.text.includes("\r\n\r\n"));
  return stream;
}

test("a second stream of a kind takes the place of the first, and starts with a whole message", async (t) => {
  const a = await startMember(t, 0xan);
  a.transport.addPeer(0xbn, ["http://127.0.0.1:1"]);
  const app = (index: number) =>
    message(MsgApp, 0xbn, { from: a.id, term: 1, logTerm: 1, index, entries: [entry(index + 1, "x")] });
  const first = await openStream(t, a, "msgapp");
  a.transport.send([app(0), app(1)]);
  await until(() => first.text.includes("\x01\0\0\0\0\0\0\0\x01"));
  const second = await openStream(t, a, "msgapp");
  await until(() => first.ended);
  assert.ok(first.text.endsWith("\r\n0\r\n\r\n"));
  const headLength = second.text.length;
  a.transport.send([app(2)]);
  await until(() => second.text.length > headLength);
  // Behind the chunk's size: the kind of a whole message.
  assert.equal(second.text.charCodeAt(headLength + 10), 2);
  assert.deepEqual(a.events.unreachableIds, []);
});

test("a request on a connection that carries a stream ends it", async (t) => {
  const a = await startMember(t, 0xan);
  a.transport.addPeer(0xbn, ["http://127.0.0.1:1"]);
  const stream = await openStream(t, a, "message");
  stream.socket.write("GET /raft/probing HTTP/1.1\r\nHost: x\r\n\r\n");
  await until(() => a.transport.attachedStreams(0xbn) === 0);
});

test("link heartbeats come on an idle stream", async (t) => {
  const a = await startMember(t, 0xan);
  a.transport.addPeer(0xbn, ["http://127.0.0.1:1"]);
  const [general, msgapp] = await Promise.all([openStream(t, a, "message"), openStream(t, a, "msgapp")]);
  await until(() => general.text.endsWith("\0\0\0\0\0\0\0\x02\x08\x08\r\n"));
  await until(() => msgapp.text.endsWith("00000001\r\n\0\r\n"));
});

test("a slow peer cannot make its sender buffer without bound", async (t) => {
  const a = await startMember(t, 0xan, { writeTimeoutMs: 60_000 });
  a.transport.addPeer(0xbn, ["http://127.0.0.1:1"]);
  const { socket: slow } = await openStream(t, a, "message");
  slow.pause();
  const large = message(MsgApp, 0xbn, { from: a.id, entries: [entry(1, "x".repeat(2 ** 20))] });
  for (let i = 0; i < 200; i++) a.transport.send([large]);
  // They are taken, or dropped, over several turns.
  const counts = a.transport.metrics.of(0xbn);
  await until(() => counts.sentFailures + counts.sentBytes / 2 ** 20 >= 200);
  assert.ok(counts.sentFailures > 100, `${counts.sentFailures} dropped`);
  assert.ok(counts.sentBytes < 80 * 2 ** 20, `${counts.sentBytes} bytes taken`);
  // One report for all that is dropped in a turn.
  assert.ok(a.events.unreachableIds.length > 10, `${a.events.unreachableIds.length} reports`);
});

test("a stream that takes nothing for too long is dropped, with a report", async (t) => {
  const a = await startMember(t, 0xan, { writeTimeoutMs: 200 });
  a.transport.addPeer(0xbn, ["http://127.0.0.1:1"]);
  const { socket: slow } = await openStream(t, a, "message");
  slow.pause();
  const large = message(MsgApp, 0xbn, { from: a.id, entries: [entry(1, "x".repeat(16 * 2 ** 20))] });
  a.transport.send([large]);
  await until(() => a.transport.attachedStreams(0xbn) === 0);
  assert.ok(a.events.unreachableIds.includes(0xbn));
});

test("a stream on which nothing arrives is dropped and dialled again", async (t) => {
  let requests = 0;
  const silent = net.createServer((socket) => {
    requests++;
    socket.on("error", () => {});
    socket.once("data", () =>
      socket.write("HTTP/1.1 200 OK\r\nX-Server-Version: 3.7.1\r\nTransfer-Encoding: chunked\r\n\r\n"),
    );
  });
  await listenOnFreePort(silent);
  t.after(() => silent.close());
  const a = await startMember(t, 0xan, { readTimeoutMs: 50 });
  a.transport.addPeer(0xbn, [`http://127.0.0.1:${(silent.address() as net.AddressInfo).port}`]);
  await until(() => requests >= 6);
  assert.ok(a.transport.metrics.of(0xbn).disconnects >= 1);
});

test("a receiver that throws ends the stream, and gets messages again after it", async (t) => {
  const [a, b] = await startPair(t);
  let thrown = 0;
  b.events.onReceive = () => {
    if (thrown++ === 0) throw new Error("stopped");
  };
  a.transport.send([message(MsgVote, b.id, { from: a.id })]);
  await until(() => thrown === 1);
  await until(() => {
    if (streamsFrom(a, b)) a.transport.send([message(MsgVote, b.id, { from: a.id })]);
    return b.events.messages.length > 0;
  });
});

const OUR_CLUSTER = { "X-Etcd-Cluster-ID": "c63a13ba3ce23b4f" };
const REMOVED_BODY = '{"message":"cannot process message from removed member"}';
const MISMATCH_BODY = '{"message":"cannot process message to mismatch member"}';

interface RemovalCase {
  readonly name: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly removes: boolean;
}

const postAnswers: readonly RemovalCase[] = [
  { name: "403 as members answer it", status: 403, headers: OUR_CLUSTER, body: REMOVED_BODY, removes: true },
  {
    name: "403 of a member with another ID",
    status: 403,
    headers: OUR_CLUSTER,
    body: MISMATCH_BODY,
    removes: false,
  },
  {
    name: "403 of another cluster",
    status: 403,
    headers: { "X-Etcd-Cluster-ID": "1" },
    body: REMOVED_BODY,
    removes: false,
  },
  { name: "403 of no cluster", status: 403, headers: {}, body: REMOVED_BODY, removes: false },
  {
    name: "403 of a proxy",
    status: 403,
    headers: OUR_CLUSTER,
    body: "<html>Forbidden</html>",
    removes: false,
  },
  {
    name: "403 with JSON that is no object",
    status: 403,
    headers: OUR_CLUSTER,
    body: "null",
    removes: false,
  },
  { name: "403 without a body", status: 403, headers: OUR_CLUSTER, body: "", removes: false },
  {
    name: "403 with more than an answer",
    status: 403,
    headers: OUR_CLUSTER,
    body: REMOVED_BODY + " ".repeat(5_000),
    removes: false,
  },
  { name: "410", status: 410, headers: OUR_CLUSTER, body: "removed member\n", removes: false },
  { name: "500", status: 500, headers: OUR_CLUSTER, body: REMOVED_BODY, removes: false },
];

const streamAnswers: readonly RemovalCase[] = [
  {
    name: "410 as members answer it",
    status: 410,
    headers: OUR_CLUSTER,
    body: "removed member\n",
    removes: true,
  },
  {
    name: "410 of another cluster",
    status: 410,
    headers: { "X-Etcd-Cluster-ID": "1" },
    body: "removed member\n",
    removes: false,
  },
  { name: "410 of no cluster", status: 410, headers: {}, body: "removed member\n", removes: false },
  { name: "410 of a proxy", status: 410, headers: OUR_CLUSTER, body: "<html>Gone</html>", removes: false },
  { name: "404", status: 404, headers: OUR_CLUSTER, body: "error sender not found\n", removes: false },
  { name: "403", status: 403, headers: OUR_CLUSTER, body: REMOVED_BODY, removes: false },
];

/** A member 0xb that gives the same answer to all requests that begin so. */
async function startAnswering(t: TestContext, begin: string, { status, headers, body }: RemovalCase) {
  const state = { url: "", answered: 0 };
  const server = http.createServer((request, response) => {
    if (!request.url!.startsWith(begin)) {
      request.socket.destroy();
      return;
    }
    response.writeHead(status, { "X-Server-Version": "3.7.1", ...headers });
    response.end(body);
    response.on("close", () => {
      state.answered++;
    });
  });
  await listenOnFreePort(server);
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  state.url = `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`;
  return state;
}

const verdict = (removes: boolean) => (removes ? "means that this member was removed" : "does not stop it");

for (const answer of streamAnswers) {
  test(`${answer.name} on a stream ${verdict(answer.removes)}`, async (t) => {
    const other = await startAnswering(t, "/raft/stream/", answer);
    const a = await startMember(t, 0xan);
    a.transport.addPeer(0xbn, [other.url]);
    await until(() => other.answered >= 4);
    assert.equal(a.events.removed > 0, answer.removes);
  });
}

for (const answer of postAnswers) {
  test(`${answer.name} on a post ${verdict(answer.removes)}`, async (t) => {
    const other = await startAnswering(t, "/raft", answer);
    const a = await startMember(t, 0xan);
    a.transport.addRemote(0xbn, [other.url]);
    a.transport.send([message(MsgVote, 0xbn, { from: a.id })]);
    await until(() => a.events.unreachableIds.length === 1);
    assert.equal(a.events.removed > 0, answer.removes);
    assert.equal(a.transport.metrics.of(0xbn).sentFailures, 1);
  });

  test(`${answer.name} on a snapshot ${verdict(answer.removes)}`, async (t) => {
    const other = await startAnswering(t, "/raft/snapshot", answer);
    const a = await startMember(t, 0xan);
    a.transport.addPeer(0xbn, [other.url]);
    const { database } = databaseOf(["abc"]);
    a.transport.sendSnapshot(snapshotTo(0xbn, a.id), database);
    await until(() => a.events.snapshotsSent.length === 1);
    assert.deepEqual(a.events.snapshotsSent, [{ id: 0xbn, succeeded: false }]);
    assert.equal(a.events.removed > 0, answer.removes);
  });
}

test("a member that was removed is told so by the others, and hears it", async (t) => {
  const a = await startMember(t, 0xan);
  const b = await startMember(t, 0xbn);
  b.removedIds.add(a.id);
  b.transport.addPeer(a.id, [a.url]);
  a.transport.addRemote(b.id, [b.url]);
  a.transport.send([message(MsgVote, b.id, { from: a.id })]);
  await until(() => a.events.removed > 0);
  assert.equal(b.events.messages.length, 0);
});

/** Waits before its last chunk until `mayEnd`. */
const databaseOf = (chunks: readonly string[], sizeBytes?: number, mayEnd = () => true) => {
  const state = { released: 0 };
  const database: SnapshotDatabase = {
    sizeBytes: sizeBytes ?? chunks.join("").length,
    async *read() {
      for (const chunk of chunks) {
        if (chunk === chunks.at(-1)) await until(mayEnd);
        yield Buffer.from(chunk);
      }
    },
    release: () => {
      state.released++;
    },
  };
  return { database, state };
};

const snapshotTo = (to: bigint, from: bigint) =>
  message(MsgSnap, to, {
    from,
    term: 2,
    snapshot: {
      data: Buffer.from("{}"),
      metadata: {
        index: 42,
        term: 2,
        confState: { voters: [from], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
      },
    },
  });

test("a snapshot arrives with its database", async (t) => {
  const [a, b] = await startPair(t);
  let received = "";
  let index = 0;
  b.events.onSnapshot = async (snapshot, database) => {
    for await (const chunk of database) received += Buffer.from(chunk).toString();
    index = snapshot.snapshot!.metadata.index;
  };
  const chunks = Array.from({ length: 500 }, (_, i) => `${i},`.repeat(300));
  const { database, state } = databaseOf(chunks);
  a.transport.sendSnapshot(snapshotTo(b.id, a.id), database);
  await until(() => a.events.snapshotsSent.length === 1);
  assert.deepEqual(a.events.snapshotsSent, [{ id: b.id, succeeded: true }]);
  assert.equal(index, 42);
  assert.equal(received, chunks.join(""));
  assert.equal(state.released, 1);
  assert.equal(b.transport.metrics.of(a.id).snapshotsReceived.successes, 1);
});

for (const { name, announced } of [
  { name: "shorter", announced: 100 },
  { name: "longer", announced: 3 },
]) {
  test(`a database that is ${name} than announced is a failure on both sides`, async (t) => {
    const [a, b] = await startPair(t);
    let failure: Error | undefined;
    let begun = false;
    b.events.onSnapshot = async (_, database) => {
      begun = true;
      try {
        for await (const _chunk of database);
      } catch (error) {
        failure = error as Error;
        throw error;
      }
    };
    const { database, state } = databaseOf(["abc", "def"], announced, () => begun);
    a.transport.sendSnapshot(snapshotTo(b.id, a.id), database);
    await until(() => a.events.snapshotsSent.length === 1 && failure !== undefined);
    assert.deepEqual(a.events.snapshotsSent, [{ id: b.id, succeeded: false }]);
    assert.equal(state.released, 1);
    assert.ok(a.events.unreachableIds.includes(b.id));
  });
}

test("a snapshot that cannot be saved is a failure", async (t) => {
  const [a, b] = await startPair(t);
  b.events.onSnapshot = async () => {
    throw new Error("no space");
  };
  const { database, state } = databaseOf(Array.from({ length: 200 }, () => "x".repeat(65_536)));
  a.transport.sendSnapshot(snapshotTo(b.id, a.id), database);
  await until(() => a.events.snapshotsSent.length === 1);
  assert.deepEqual(a.events.snapshotsSent, [{ id: b.id, succeeded: false }]);
  assert.equal(state.released, 1);
});

test("removing a peer ends a snapshot that is under way", async (t) => {
  const [a, b] = await startPair(t);
  let begun = false;
  b.events.onSnapshot = async (_, database) => {
    for await (const _chunk of database) begun = true;
  };
  const state = { released: 0 };
  a.transport.sendSnapshot(snapshotTo(b.id, a.id), {
    sizeBytes: 2 ** 40,
    async *read() {
      for (;;) {
        yield Buffer.alloc(65_536);
        await new Promise(setImmediate);
      }
    },
    release: () => {
      state.released++;
    },
  });
  await until(() => begun);
  a.transport.removePeer(b.id);
  await until(() => state.released === 1);
  assert.deepEqual(a.events.snapshotsSent, [{ id: b.id, succeeded: false }]);
});

test("a snapshot to nobody is let go at once", async (t) => {
  const a = await startMember(t, 0xan);
  const { database, state } = databaseOf(["x"]);
  a.transport.sendSnapshot(snapshotTo(9n, a.id), database);
  assert.equal(state.released, 1);
  assert.deepEqual(a.events.snapshotsSent, [{ id: 9n, succeeded: false }]);
});

test("100 reconnects leave no sockets and no timers behind", async (t) => {
  const a = await startMember(t, 0xan);
  const b = await startMember(t, 0xbn);
  const count = () => {
    const kinds = process.getActiveResourcesInfo();
    return ["TCPSocketWrap", "Timeout"].map((kind) => kinds.filter((each) => each === kind).length);
  };
  const before = count();
  for (let i = 0; i < 100; i++) {
    link(a, b);
    await until(() => streamsFrom(a, b) && streamsFrom(b, a));
    a.transport.removePeer(b.id);
    b.transport.removePeer(a.id);
  }
  await until(() => count().every((now, i) => now <= before[i]! + 2));
  assert.equal(a.events.unreachableIds.length, 0);
});

test("a closed transport neither sends nor reports", async (t) => {
  const [a, b] = await startPair(t);
  await a.transport.close();
  a.transport.send([message(MsgVote, b.id, { from: a.id })]);
  a.transport.addPeer(7n, ["http://127.0.0.1:1"]);
  assert.equal(a.transport.activeSince(7n), undefined);
  const { database, state } = databaseOf(["x"]);
  a.transport.sendSnapshot(snapshotTo(b.id, a.id), database);
  assert.equal(state.released, 1);
  assert.deepEqual(a.events.snapshotsSent, []);
  assert.equal(b.events.messages.length, 0);
});
