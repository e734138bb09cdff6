/**
 * What the consensus state machine costs, without disk and network: `node --expose-gc packages/bench/src/raft/raft-bench.ts`.
 * Prints one line a measurement.
 */
import { MemoryStorage, type Message, MessageType, NO_LIMIT, newMessage, RawNode } from "@quorate/raft";
import { Group } from "@quorate/raft/testing";

const PAYLOAD_BYTES = 256;
const BATCH = 100;

function collectGarbage(): void {
  globalThis.gc?.();
}

function heapBytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

/** Three members in one process, all on this core: the leader's work and that of both followers. */
class InMemoryGroup {
  readonly #group = new Group([1, 2, 3], { maxSizePerMsg: 1 << 20 });
  readonly #queues = new Map<bigint, Message[]>([1n, 2n, 3n].map((id) => [id, []]));
  applied = 0;

  constructor() {
    this.#group.elect(1);
  }

  run(proposals: number, data: Uint8Array): void {
    const leader = this.#group.node(1);
    const datas = new Array<Uint8Array>(BATCH).fill(data);
    for (let i = 0; i < proposals; i += BATCH) {
      leader.proposeBatch(datas);
      this.#settle();
    }
  }

  #settle(): void {
    for (let isDone = false; !isDone; ) {
      isDone = true;
      for (const { id, node, storage } of this.#group.members.values()) {
        const queue = this.#queues.get(id)!;
        for (let i = 0; i < queue.length; i++) node.step(queue[i]!);
        queue.length = 0;
        while (node.hasReady()) {
          isDone = false;
          const ready = node.ready();
          if (ready.hardState !== undefined) storage.setHardState(ready.hardState);
          storage.append(ready.entries);
          for (const m of ready.messages) this.#queues.get(m.to)!.push(m);
          this.applied += ready.committedEntries.length;
          node.advance();
        }
        // A member compacts as it goes on, and keeps some entries for those who are behind.
        if (storage.lastIndex() - storage.firstIndex() > 10_000) storage.compact(storage.lastIndex() - 5_000);
      }
    }
  }
}

function report(name: string, value: number, unit: string): void {
  const text = value >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(2);
  console.log(`${name.padEnd(52)} ${text.padStart(12)} ${unit}`);
}

function perSecond(count: number, work: () => void): number {
  const started = process.hrtime.bigint();
  work();
  return count / (Number(process.hrtime.bigint() - started) / 1e9);
}

function measureProposals(): void {
  const group = new InMemoryGroup();
  const data = new Uint8Array(PAYLOAD_BYTES);
  group.run(200_000, data);
  const count = 1_000_000;
  report(
    `proposals, 3 members, batches of ${BATCH}`,
    perSecond(count, () => group.run(count, data)),
    "/s",
  );
  const before = heapBytes();
  group.run(count, data);
  report("heap growth over 1,000,000 more proposals", (heapBytes() - before) / 1024, "KiB");
}

/** Young-generation garbage: what the collector had to take away, for all three members together. */
function measureAllocation(): void {
  const group = new InMemoryGroup();
  const data = new Uint8Array(PAYLOAD_BYTES);
  group.run(200_000, data);
  // In small steps, so that no collection falls between the two readings of most of them.
  const samples: number[] = [];
  for (let i = 0; i < 200; i++) {
    const before = process.memoryUsage().heapUsed;
    group.run(1_000, data);
    const grown = process.memoryUsage().heapUsed - before;
    if (grown > 0) samples.push(grown / 1_000);
  }
  samples.sort((a, b) => a - b);
  report("allocation a proposal, 3 members (median)", samples[Math.floor(samples.length / 2)]!, "B");
}

function newNode(storage: MemoryStorage): RawNode {
  let seed = 1;
  const below = (limit: number) => {
    seed = (seed * 48_271) % 0x7fff_ffff;
    return seed % limit;
  };
  const node = new RawNode({
    id: 1n,
    electionTick: 10,
    heartbeatTick: 1,
    storage,
    random: { below },
    maxSizePerMsg: NO_LIMIT,
    maxInflightMsgs: 256,
  });
  return node;
}

function work(node: RawNode, storage: MemoryStorage): void {
  while (node.hasReady()) {
    const ready = node.ready();
    if (ready.hardState !== undefined) storage.setHardState(ready.hardState);
    storage.append(ready.entries);
    node.advance();
  }
}

/** Leaders of 1,000 groups of three whose others are elsewhere; a tick makes two heartbeats for each. */
function measureTicks(): void {
  const groups = Array.from({ length: 1_000 }, () => {
    const storage = new MemoryStorage();
    const node = newNode(storage);
    node.bootstrap([{ id: 1n }, { id: 2n }, { id: 3n }]);
    work(node, storage);
    node.campaign();
    work(node, storage);
    for (const from of [2n, 3n]) {
      node.step({ ...newMessage(MessageType.MsgVoteResp, 1n), from, term: node.raft.term });
    }
    work(node, storage);
    return { node, storage };
  });
  const leaders = groups.filter(({ node }) => node.raft.lead === 1n).length;
  if (leaders !== groups.length) throw new Error("not all groups have their leader");
  const rounds = 200;
  const round = () => {
    for (const { node, storage } of groups) {
      node.tick();
      work(node, storage);
    }
  };
  for (let i = 0; i < 50; i++) round();
  const rate = perSecond(rounds, () => {
    for (let i = 0; i < rounds; i++) round();
  });
  report("a tick of 1,000 leaders, with their heartbeats", 1e6 / rate, "µs");
}

/** Entries of one shared payload: what the log itself costs, on top of the data. */
function measureLogMemory(): void {
  const storage = new MemoryStorage();
  const node = newNode(storage);
  node.bootstrap([{ id: 1n }]);
  work(node, storage);
  node.campaign();
  work(node, storage);
  const datas = new Array<Uint8Array>(BATCH).fill(new Uint8Array(PAYLOAD_BYTES));
  const before = heapBytes();
  for (let i = 0; i < 100_000; i += BATCH) {
    node.proposeBatch(datas);
    work(node, storage);
  }
  const grown = heapBytes() - before;
  if (storage.lastIndex() < 100_000) throw new Error("the log is too short");
  report("memory of a log of 100,000 entries, without data", grown / 1024 / 1024, "MiB");
  report("the same, an entry", grown / 100_000, "B");
}

if (globalThis.gc === undefined) console.log("without --expose-gc the figures of memory include garbage");
measureProposals();
measureAllocation();
measureTicks();
measureLogMemory();
