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
import { realClock } from "../seams/real-clock.ts";
import { SimulatedDisk } from "../seams/simulated-disk.ts";
import { Wal } from "../wal/wal.ts";
import { LogWriter } from "./log-writer.ts";

const DIRECTORY = "/m/wal";

async function setUp() {
  let seed = 1;
  const random = {
    below: (limit: number) => {
      seed = (seed * 48271) % 2147483647;
      return seed % limit;
    },
  };
  const simulated = new SimulatedDisk({ random });
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

function append(term: number, commit: number, indexes: number[], responds = true): Message {
  const message = newMessage(MessageType.MsgStorageAppend, LOCAL_APPEND_THREAD);
  message.term = term;
  message.vote = term === 0 ? 0n : 1n;
  message.commit = commit;
  message.entries = indexes.map(
    (index): Entry => ({ type: 0, term: 1, index, data: new Uint8Array([index]) }),
  );
  if (responds) {
    const response = newMessage(MessageType.MsgStorageAppendResp, 1n);
    response.index = indexes.at(-1) ?? 0;
    message.responses = [response];
  }
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

test("a new commit index alone costs no write, and travels with the next one", async () => {
  const { simulated, wal, writer } = await setUp();
  writer.append(append(1, 0, [1]));
  await writer.whenIdle();
  writer.append(append(1, 1, [], false));
  writer.append(append(0, 0, [2]));
  await writer.whenIdle();
  simulated.crash();
  assert.equal((await reopen(simulated)).state.commit, 1);
  assert.ok(wal);
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
  await writer.saveSnapshot({
    index: 2,
    term: 1,
    confState: { voters: [1n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
  });
  simulated.crash();
  assert.equal((await reopen(simulated)).state.commit, 2);
});

test("a snapshot waits for what was before it, is named by the log before it is installed, and nothing overtakes it", async () => {
  const { simulated, writer, storage, delivered, steps } = await setUp();
  const confState = { voters: [1n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
  writer.append(append(1, 0, [1]));
  writer.append(append(0, 0, [2]));
  const message = append(2, 9, []);
  message.snapshot = { data: new Uint8Array(0), metadata: { index: 9, term: 2, confState } };
  message.responses[0]!.index = 9;
  writer.append(message);
  writer.append(append(0, 0, [10]));
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

test("a disk that fails ends the member: nothing is acknowledged any more", async () => {
  const { simulated, writer, delivered, fatal } = await setUp();
  simulated.crash();
  writer.append(append(1, 0, [1]));
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(fatal.length, 1);
  assert.deepEqual(delivered, []);
});
