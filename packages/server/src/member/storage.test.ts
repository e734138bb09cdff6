import assert from "node:assert/strict";
import test from "node:test";
import { type ConfChange, ConfChangeType, type Entry, EntryType, encodeConfChange } from "@quorate/raft";
import { MemoryBackend } from "@quorate/storage/backend/memory-backend";
import type { Backend } from "@quorate/storage/seams/backend";
import type { Disk } from "@quorate/storage/seams/disk";
import { realClock } from "@quorate/storage/seams/real-clock";
import { type DiskFault, SimulatedDisk } from "@quorate/storage/seams/simulated-disk";
import { SeededRandom } from "@quorate/testkit/random";
import { encodeMember, encodeMemberContext } from "../cluster/member-json.ts";
import { silentLogger } from "../log/logger.ts";
import type { InitialIdentity } from "./joining.ts";
import { configFromOptions, type MemberOptions } from "./options.ts";
import { type MemberStorage, openStorage } from "./storage.ts";

const DATA = "data";
const MEMBERS = [1n, 2n, 3n].map((id) => ({
  id,
  name: `m${id}`,
  peerUrls: [`http://10.0.0.${id}:2380`],
  isLearner: false,
  clientUrls: [],
}));
const FIRST_ID: InitialIdentity = { localId: 1n, clusterId: 9n, firstMembers: MEMBERS, remotes: [] };
const JOINING: InitialIdentity = { localId: 3n, clusterId: 9n, firstMembers: [], remotes: MEMBERS };

/** A computer on which members are started and come to an end. */
class Machine {
  readonly simulated: SimulatedDisk;
  readonly databases = new Map<string, MemoryBackend>();
  /** Asked before each operation of the disk. */
  fault: (() => DiskFault | undefined) | undefined;
  identitiesAsked = 0;
  /** Of whatever database was received. */
  receivedFault: string | undefined;

  constructor(seed = 1) {
    const fault = () => this.fault?.();
    this.simulated = new SimulatedDisk({ random: new SeededRandom(seed), fault });
  }

  get disk(): Disk {
    return this.simulated.mount();
  }

  start(options: Partial<MemberOptions> = {}, identity = FIRST_ID): Promise<MemberStorage> {
    return openStorage({
      config: configFromOptions({ dataDir: DATA, ...options }),
      disk: this.disk,
      clock: realClock,
      databases: {
        open: async (path) => this.#open(path),
        importReceived: async (index, path) => {
          const received = new MemoryBackend({ clock: realClock, flushMs: 0 });
          putFirstMember(received);
          received.setConsistentIndex(index, 1);
          received.commit();
          await received.flushed();
          this.databases.set(path, received);
        },
        findReceivedFault: async () => this.receivedFault,
      },
      findIdentity: async () => {
        this.identitiesAsked++;
        return identity;
      },
      log: silentLogger,
    });
  }

  #open(path: string): Backend {
    const backend = this.databases.get(path) ?? new MemoryBackend({ clock: realClock, flushMs: 0 });
    this.databases.set(path, backend);
    return backend;
  }

  /** Whatever was not synced may be lost. */
  losePower(): void {
    this.simulated.crash();
    for (const [path, backend] of this.databases) this.databases.set(path, backend.crash());
  }
}

async function close({ wal, backend, lock }: MemberStorage): Promise<void> {
  await wal.close();
  await backend.close();
  await lock.release();
}

/** What raft asks a new member to make durable first: the members, and that they are committed. */
function firstEntries(identity: InitialIdentity): Entry[] {
  return identity.firstMembers.map((member, i): Entry => {
    const change: ConfChange = {
      type: ConfChangeType.ConfChangeAddNode,
      nodeId: member.id,
      context: encodeMemberContext(member),
    };
    return { type: EntryType.EntryConfChange, term: 1, index: i + 1, data: encodeConfChange(change) };
  });
}

/** One life of a new member up to its first write. Resolves with whether that write was reported as durable. */
async function firstLife(machine: Machine, identity: InitialIdentity): Promise<boolean> {
  let storage: MemberStorage | undefined;
  try {
    storage = await machine.start({}, identity);
    await firstWrite(storage, identity);
    return true;
  } catch {
    return false;
  } finally {
    // As the end of a process does it; of a disk that has crashed nothing is left to close.
    if (storage !== undefined) await close(storage).catch(() => storage?.lock.release());
  }
}

for (const identity of [FIRST_ID, JOINING]) {
  const who = identity === FIRST_ID ? "a member of a new cluster" : "a member that joins";
  for (const end of ["CRASH", "IO"] as const) {
    const how = end === "CRASH" ? "loses its power" : "ends with all it has written kept";
    test(`${who} that ${how} at any moment of its first start starts again, and forgets nothing that was durable`, async () => {
      let moments = 0;
      for (let seed = 1; seed <= 2; seed++) {
        for (let moment = 0; ; moment++) {
          const machine = new Machine(seed);
          let operationsLeft = moment;
          machine.fault = () => (operationsLeft-- === 0 ? end : undefined);
          const durable = await firstLife(machine, identity);
          machine.fault = undefined;
          if (operationsLeft >= 0) break;
          moments++;
          if (end === "CRASH") machine.losePower();

          const storage = await machine.start({}, identity);
          const context = `seed ${seed}, moment ${moment}`;
          assert.equal(storage.localId, identity.localId, context);
          if (durable) assert.equal(storage.isRestart, true, context);
          if (storage.isRestart) {
            assert.equal(storage.hardState.term, 1, context);
            assert.equal(storage.raftLog.lastIndex(), identity.firstMembers.length, context);
          } else {
            assert.deepEqual(storage.firstMembers, identity.firstMembers, context);
            assert.deepEqual(storage.remotes, identity.remotes, context);
            assert.equal(storage.raftLog.lastIndex(), 0, context);
          }
          await firstWrite(storage, identity);
          await close(storage);
          assert.equal((await machine.start({}, identity)).isRestart, true, context);
        }
      }
      assert.ok(moments > 30, `${moments} moments`);
    });
  }
}

/** Unless it has been written in an earlier life. */
async function firstWrite(storage: MemberStorage, identity: InitialIdentity): Promise<void> {
  if (storage.isRestart) return;
  const entries = firstEntries(identity);
  storage.wal.save({ term: 1, vote: 0n, commit: entries.length }, entries);
  await storage.wal.sync();
}

function putFirstMember(backend: Backend): void {
  backend.put("members", Buffer.from("1"), Buffer.from(encodeMember(MEMBERS[0]!)));
}

/** A member that has written its first entries and applied them, stopped. */
async function stoppedMember(options: Partial<MemberOptions> = {}): Promise<Machine> {
  const machine = new Machine();
  const storage = await machine.start(options);
  await firstWrite(storage, FIRST_ID);
  storage.backend.setConsistentIndex(3, 1);
  storage.backend.put(
    "members",
    Buffer.from("1"),
    Buffer.from('{"id":1,"peerURLs":["http://10.0.0.1:2380"]}'),
  );
  storage.backend.entryApplied();
  storage.backend.commit();
  await storage.backend.flushed();
  await close(storage);
  machine.databases.set(`${DATA}/member/snap/db`, machine.databases.get(`${DATA}/member/snap/db`)!.crash());
  return machine;
}

test("a database without its log is refused with both paths, both indexes and what to do", async () => {
  const walDir = "elsewhere/wal";
  const machine = await stoppedMember({ walDir });
  const { disk } = machine;
  for (const loss of ["the directory", "the segments", "nothing"] as const) {
    if (loss === "the directory") await disk.remove(walDir);
    else if (loss === "the segments") {
      for (const name of await disk.list(walDir))
        if (name.endsWith(".wal")) await disk.remove(`${walDir}/${name}`);
    }
    const asked = machine.identitiesAsked;
    // More than once: what a refused start leaves must not make the next one go through.
    await assert.rejects(machine.start({ walDir }), (error: Error) => {
      for (const part of [
        `${DATA}/member/snap/db index 3`,
        `${walDir} ends at index 0`,
        "remove this member",
      ]) {
        assert.ok(error.message.includes(part), error.message);
      }
      return true;
    });
    assert.equal(machine.identitiesAsked, asked);
  }
  assert.deepEqual(
    (await disk.list(walDir)).filter((name) => name.endsWith(".wal")),
    [],
  );
});

test("a log that is taken for a new member's own is refused, also at the second try", async () => {
  const walDir = "shared/wal";
  const machine = await stoppedMember({ walDir });
  for (let attempt = 0; attempt < 2; attempt++) {
    await assert.rejects(
      machine.start({ walDir, dataDir: "other" }),
      /that of a member whose database is not here/,
    );
  }
  const storage = await machine.start({ walDir });
  assert.equal(storage.isRestart, true);
});

test("two members on one log: the second one is refused, and the first one's end lets another in", async () => {
  const walDir = "shared/wal";
  const machine = new Machine();
  const first = await machine.start({ walDir, dataDir: "one" });
  await assert.rejects(machine.start({ walDir, dataDir: "two" }), { code: "LOCKED" });
  await firstWrite(first, FIRST_ID);
  await assert.rejects(machine.start({ walDir, dataDir: "two" }), { code: "LOCKED" });
  await close(first);
  await close(await machine.start({ walDir, dataDir: "one" }));
});

test("a start that is refused lets go of everything, and removes nothing of what somebody works at", async () => {
  const machine = await stoppedMember();
  const { disk } = machine;
  const half = `${DATA}/member/snap/tmp17`;
  await (await disk.open(half, "write")).close();
  const [segment] = (await disk.list(`${DATA}/member/wal`)).filter((name) => name.endsWith(".wal"));
  const theirs = await disk.lockExisting(`${DATA}/member/wal/${segment}`);
  await assert.rejects(machine.start(), { code: "LOCKED" });
  assert.equal(await disk.exists(half), true);
  await theirs.release();
  const storage = await machine.start();
  assert.equal(await disk.exists(half), false);
  await close(storage);
});

const SNAPSHOT = { index: 50, term: 4 };
const RECEIVED = `${DATA}/member/snap/0000000000000032.snap.db`;

interface ReceivedCase {
  readonly name: string;
  /** What the log has before the snapshot's record, besides its first three entries. */
  readonly commitBefore?: number;
  /** What it has behind it. */
  readonly entriesBehind?: readonly Entry[];
  readonly received: "sound" | "damaged" | "missing";
  /** The consistent index to start from, or why there is no start. */
  readonly want: number | RegExp;
}

const RECEIVED_CASES: readonly ReceivedCase[] = [
  { name: "one that is sound becomes the state", received: "sound", want: 50 },
  { name: "a damaged one is forgotten with its snapshot", received: "damaged", want: 3 },
  { name: "so is one that is missing", received: "missing", want: 3 },
  {
    name: "not when entries behind it may have been acknowledged",
    entriesBehind: [{ type: EntryType.EntryNormal, term: 5, index: 51, data: new Uint8Array(0) }],
    received: "damaged",
    want: /index 3\) does not match with snapshot \(index 50\): page 7 is torn; remove this member/,
  },
  {
    name: "nor when the snapshot is of this member's own state",
    commitBefore: 50,
    received: "missing",
    want: /snap: snapshot file doesn't exist.* 0000000000000032|0000000000000032\.snap\.db is missing; remove this member/,
  },
];

for (const { name, commitBefore = 3, entriesBehind = [], received, want } of RECEIVED_CASES) {
  test(`a received database that the log names: ${name}`, async () => {
    const machine = await stoppedMember();
    const { wal, ...rest } = await machine.start();
    wal.save({ term: 4, vote: 2n, commit: commitBefore }, []);
    await wal.saveSnapshot(SNAPSHOT);
    wal.save({ term: 5, vote: 3n, commit: 50 }, entriesBehind);
    await close({ wal, ...rest });
    if (received !== "missing") await (await machine.disk.open(RECEIVED, "write")).close();
    if (received === "damaged") machine.receivedFault = "page 7 is torn";

    for (let life = 0; life < 2; life++) {
      if (want instanceof RegExp) {
        await assert.rejects(machine.start(), want);
        assert.equal(await machine.disk.exists(RECEIVED), received !== "missing", "nothing is lost");
        continue;
      }
      const storage = await machine.start();
      assert.equal(storage.isRestart, true);
      assert.equal(storage.backend.consistentIndex, want);
      // Whatever is forgotten, the term and the vote are not.
      assert.deepEqual(storage.hardState, { term: 5, vote: 3n, commit: want });
      assert.equal(storage.raftLog.lastIndex(), want);
      assert.equal(await machine.disk.exists(RECEIVED), false);
      await close(storage);
      machine.databases.set(
        `${DATA}/member/snap/db`,
        machine.databases.get(`${DATA}/member/snap/db`)!.crash(),
      );
    }
  });
}

test("a received database outlives starts that do not believe its snapshot yet, and is there for one that does", async () => {
  const machine = await stoppedMember();
  const { wal, ...rest } = await machine.start();
  // The power failed before the log said that the snapshot is committed.
  await wal.saveSnapshot(SNAPSHOT);
  await close({ wal, ...rest });
  await (await machine.disk.open(RECEIVED, "write")).close();
  const entry = (index: number): Entry => ({
    type: EntryType.EntryNormal,
    term: 4,
    index,
    data: new Uint8Array(0),
  });

  const again = await machine.start();
  assert.equal(again.backend.consistentIndex, 3);
  assert.equal(await machine.disk.exists(RECEIVED), true);
  // It goes on by entries, and its power fails before it has applied any.
  const entries = Array.from({ length: 48 }, (_, i) => entry(4 + i));
  again.wal.save({ term: 4, vote: 2n, commit: 51 }, entries);
  await close(again);

  const believing = await machine.start();
  assert.deepEqual(believing.snapshot.index, SNAPSHOT.index);
  assert.equal(believing.backend.consistentIndex, SNAPSHOT.index);
  assert.equal(believing.raftLog.lastIndex(), 51);
  assert.equal(await machine.disk.exists(RECEIVED), false);
  await close(believing);
});

test("a database is defragmented at the start when as much of it is free as is asked for", async () => {
  const freeBytes = 100_000;
  for (const [threshold, expected] of [
    [0, "as it was"],
    [freeBytes + 10_000, "as it was"],
    [freeBytes, "defragmented"],
  ] as const) {
    const machine = new Machine();
    const backend = new MemoryBackend({ clock: realClock, flushMs: 0 });
    machine.databases.set(`${DATA}/member/snap/db`, backend);
    backend.putRevision(2, 0, false, Buffer.alloc(freeBytes));
    backend.commit();
    backend.deleteRevision(2, 0, false);
    const { sizeBytes } = backend;
    const storage = await machine.start({ defragmentAtStartBytes: threshold });
    assert.equal(storage.backend, backend);
    const found = backend.sizeBytes === backend.sizeInUseBytes ? "defragmented" : "as it was";
    assert.equal(found, expected, `of ${sizeBytes} bytes ${backend.sizeInUseBytes} are in use`);
    await close(storage);
  }
});
