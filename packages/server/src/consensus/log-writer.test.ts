import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Entry,
  LOCAL_APPEND_THREAD,
  MemoryStorage,
  type Message,
  MessageType,
  newMessage,
} from "@quorate/raft";
import { realClock } from "@quorate/storage/seams/real-clock";
import { SimulatedDisk, type SimulatedDiskOptions } from "@quorate/storage/seams/simulated-disk";
import { findStart } from "@quorate/storage/wal/snapshot-records";
import { Wal } from "@quorate/storage/wal/wal";
import { SeededRandom } from "@quorate/testkit/random";
import { LogWriter } from "./log-writer.ts";

const DIRECTORY = "/m/wal";

const CONF_STATE = { voters: [1n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };

async function setUp(fault?: SimulatedDiskOptions["fault"]) {
  const random = new SeededRandom(1);
  const simulated = new SimulatedDisk({ random, ...(fault && { fault }) });
  const disk = simulated.mount();
  await disk.makeDirectory("/m");
  const wal = await Wal.create(disk, DIRECTORY, { nodeId: 1n, clusterId: 2n });
  const delivered: string[] = [];
  const fatal: Error[] = [];
  const storage = new MemoryStorage();
  const steps: string[] = [];
  const writer = new LogWriter({
    wal,
    storage,
    clock: realClock,
    initial: { term: 0, vote: 0n, commit: 0 },
    onDurable: (responses) => {
      for (const response of responses) delivered.push(String(response.index));
    },
    saveSnapshotFile: async ({ metadata }) => void steps.push(`file ${metadata.index}`),
    installSnapshot: async ({ metadata }) => {
      const { content } = await Wal.open(simulated.mount(), DIRECTORY, metadata);
      steps.push(`install ${metadata.index}, log commits ${content.hardState.commit}`);
    },
    onFatal: (error) => fatal.push(error),
  });
  return { simulated, wal, writer, storage, delivered, fatal, steps };
}

function append(term: number, commit: number, indexes: number[], responds = true, entryTerm = 1): Message {
  const message = newMessage(MessageType.MsgStorageAppend, LOCAL_APPEND_THREAD);
  message.term = term;
  message.vote = term === 0 ? 0n : 1n;
  message.commit = commit;
  message.entries = indexes.map(
    (index): Entry => ({ type: 0, term: entryTerm, index, data: new Uint8Array([index]) }),
  );
  if (responds) {
    const response = newMessage(MessageType.MsgStorageAppendResp, 1n);
    response.index = indexes.at(-1) ?? 0;
    message.responses = [response];
  }
  return message;
}

const upTo = (last: number): number[] => Array.from({ length: last }, (_, i) => i + 1);

/** A snapshot that has been received from a leader of `term`. */
function received(term: number, index: number): Message {
  const message = append(term, index, []);
  const metadata = { index, term, confState: CONF_STATE };
  message.snapshot = { data: new Uint8Array(0), metadata };
  message.responses[0]!.index = index;
  return message;
}

async function reopen(simulated: SimulatedDisk) {
  const { content } = await Wal.open(simulated.mount(), DIRECTORY, { index: 0, term: 0 });
  return { indexes: content.entries.map((entry) => entry.index), state: content.hardState };
}

test("responses come in order, only once what they say survives a power failure", async () => {
  const { simulated, writer, delivered } = await setUp();
  writer.append(append(1, 0, [1]));
  writer.append(append(0, 0, [2, 3]));
  assert.deepEqual(delivered, []);
  await writer.whenIdle();
  assert.deepEqual(delivered, ["1", "3"]);
  simulated.crash();
  const { indexes, state } = await reopen(simulated);
  assert.deepEqual(indexes, [1, 2, 3]);
  assert.deepEqual(state, { term: 1, vote: 1n, commit: 0 });
});

test("very many bytes of entries are encoded over several turns, with their state behind them", async () => {
  const { simulated, wal, writer, storage, delivered } = await setUp();
  const count = 40;
  const message = append(1, 0, []);
  message.entries = Array.from({ length: count }, (_, i) => ({
    ...{ type: 0 as const, term: 1, index: i + 1 },
    data: new Uint8Array(2 ** 20).fill(i),
  }));
  const saved: number[] = [];
  const { save } = wal;
  wal.save = (state, entries) => {
    saved.push(entries.length);
    assert.equal(state !== undefined, saved.reduce((sum, each) => sum + each) === count);
    save.call(wal, state, entries);
  };
  writer.append(message);
  const turns: number[] = [];
  for (let before = 0; saved.reduce((sum, each) => sum + each, 0) < count; ) {
    await new Promise((resolve) => setImmediate(resolve));
    const now = storage.lastIndex();
    turns.push(now - before);
    before = now;
  }
  // Twice what fits a turn, and the first number may be of two turns.
  assert.ok(Math.max(...turns) <= 8, `${turns}`);
  assert.deepEqual(delivered, []);
  await writer.whenIdle();
  assert.equal(delivered.length, 1);
  assert.equal(storage.lastIndex(), count);
  simulated.crash();
  const { indexes, state } = await reopen(simulated);
  assert.equal(indexes.length, count);
  assert.deepEqual(state, { term: 1, vote: 1n, commit: 0 });
});

test("a new commit index alone costs no write, and travels with the next one", async () => {
  let operations = 0;
  const { simulated, writer } = await setUp(() => {
    operations++;
    return undefined;
  });
  writer.append(append(1, 0, [1]));
  await writer.whenIdle();
  operations = 0;
  writer.append(append(1, 1, [], false));
  await writer.whenIdle();
  assert.equal(operations, 0);
  writer.append(append(0, 0, [2]));
  await writer.whenIdle();
  simulated.crash();
  assert.equal((await reopen(simulated)).state.commit, 1);
});

test("a commit index is made durable on its own when it is asked for", async () => {
  const { simulated, writer } = await setUp();
  writer.append(append(1, 0, [1]));
  await writer.whenIdle();
  writer.append(append(1, 1, [], false));
  await writer.persistCommit();
  simulated.crash();
  assert.equal((await reopen(simulated)).state.commit, 1);
});

test("a snapshot record is preceded by a commit that covers it", async () => {
  const { simulated, writer } = await setUp();
  writer.append(append(1, 0, [1, 2]));
  await writer.whenIdle();
  assert.equal(await writer.saveSnapshot({ index: 2, term: 1, confState: CONF_STATE }), true);
  simulated.crash();
  assert.equal((await reopen(simulated)).state.commit, 2);
});

test("a commit index that waits behind another write is not made durable before what waits in front of it", async () => {
  const { simulated, writer } = await setUp();
  writer.append(append(1, 0, [1]));
  // Both come while the disk is busy: an append that is to be answered, and a commit index alone.
  writer.append(append(1, 1, [2]));
  writer.append(append(1, 2, [], false));
  await writer.whenIdle();
  simulated.crash();
  assert.deepEqual(await reopen(simulated), { indexes: [1, 2], state: { term: 1, vote: 1n, commit: 2 } });
});

test("a commit index that was asked for is durable when that is told, whatever was waiting", async () => {
  const { simulated, writer } = await setUp();
  writer.append(append(1, 19, upTo(30)));
  await writer.whenIdle();
  const first = writer.persistCommit();
  writer.append(append(1, 20, []));
  writer.append(append(1, 21, [], false));
  await Promise.all([first, writer.persistCommit()]);
  simulated.crash();
  assert.equal((await reopen(simulated)).state.commit, 21);
});

test("the log's word on the commit index never goes back behind a snapshot record", async () => {
  const { simulated, writer } = await setUp();
  writer.append(append(1, 19, upTo(30)));
  await writer.whenIdle();
  const busy = writer.persistCommit();
  writer.append(append(1, 22, []));
  await writer.saveSnapshot({ index: 30, term: 1, confState: CONF_STATE });
  await busy;
  await writer.whenIdle();
  const { snapshot } = await findStart(simulated.mount(), DIRECTORY);
  assert.equal(snapshot.index, 30);
  simulated.crash();
  assert.equal((await reopen(simulated)).state.commit, 30);
});

test("a snapshot of the member's own is not recorded behind a received one that is newer", async () => {
  const { simulated, writer, steps } = await setUp();
  writer.append(append(1, 20, upTo(20)));
  writer.append(received(1, 1_000));
  await writer.whenIdle();
  assert.equal(await writer.saveSnapshot({ index: 20, term: 1, confState: CONF_STATE }), false);
  writer.append(append(0, 0, [1_001]));
  await writer.whenIdle();
  assert.deepEqual(steps, ["file 1000", "install 1000, log commits 1000"]);
  simulated.crash();
  const { snapshot } = await findStart(simulated.mount(), DIRECTORY);
  assert.equal(snapshot.index, 1_000);
  const { content } = await Wal.open(simulated.mount(), DIRECTORY, snapshot);
  assert.deepEqual(
    content.entries.map(({ index }) => index),
    [1_001],
  );
});

test("a snapshot waits for what was before it, is named by the log before it is installed, and nothing overtakes it", async () => {
  const { simulated, writer, storage, delivered, steps } = await setUp();
  writer.append(append(1, 0, [1]));
  writer.append(append(0, 0, [2]));
  writer.append(received(2, 9));
  writer.append(append(0, 0, [10], true, 2));
  await writer.whenIdle();
  assert.deepEqual(steps, ["file 9", "install 9, log commits 9"]);
  assert.deepEqual(delivered, ["1", "2", "9", "10"]);
  assert.equal(storage.firstIndex(), 10);
  assert.equal(storage.lastIndex(), 10);
  simulated.crash();
  const { content } = await Wal.open(simulated.mount(), DIRECTORY, { index: 9, term: 2 });
  assert.deepEqual(
    content.entries.map((entry) => entry.index),
    [10],
  );
});

test("entries that come together with a snapshot follow it, in the log and after a restart", async () => {
  const { simulated, writer, storage } = await setUp();
  writer.append(append(1, 0, [1, 2]));
  const message = received(2, 9);
  message.entries = append(0, 0, [10, 11], true, 2).entries;
  writer.append(message);
  await writer.whenIdle();
  assert.deepEqual([storage.firstIndex(), storage.lastIndex()], [10, 11]);
  simulated.crash();
  const { content } = await Wal.open(simulated.mount(), DIRECTORY, { index: 9, term: 2 });
  assert.deepEqual(
    content.entries.map((entry) => entry.index),
    [10, 11],
  );
});

test("an uncommitted end that reaches beyond a received snapshot does not come back at a restart", async () => {
  const { simulated, writer } = await setUp();
  writer.append(append(1, 0, upTo(20)));
  writer.append(received(2, 9));
  await writer.whenIdle();
  simulated.crash();
  const { content } = await Wal.open(simulated.mount(), DIRECTORY, { index: 9, term: 2 });
  assert.deepEqual(content.entries, []);
});

test("a disk that fails ends the member: nothing is acknowledged any more", async () => {
  const { simulated, writer, delivered, fatal } = await setUp();
  simulated.crash();
  writer.append(append(1, 0, [1]));
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(fatal.length, 1);
  assert.deepEqual(delivered, []);
});
