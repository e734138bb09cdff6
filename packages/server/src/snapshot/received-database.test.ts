import assert from "node:assert/strict";
import { test } from "node:test";
import type { DiskFault } from "../seams/simulated-disk.ts";
import { SimulatedDisk } from "../seams/simulated-disk.ts";
import { receivedDatabasePath, removeOrphans, saveReceivedDatabase } from "./received-database.ts";

const DIRECTORY = "/m/snap";
const NAME = "000000000000002a.snap.db";

async function setUp() {
  let fault: DiskFault | undefined;
  const simulated = new SimulatedDisk({
    random: { below: () => 0 },
    fault: (operation) => (operation === "write" ? fault : undefined),
  });
  const disk = simulated.mount();
  await disk.makeDirectory(DIRECTORY);
  for (const directory of ["/", "/m"]) await disk.syncDirectory(directory);
  return {
    simulated,
    disk,
    failWrites: (kind: DiskFault) => {
      fault = kind;
    },
  };
}

async function* chunks(...parts: (string | Error)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    if (part instanceof Error) throw part;
    yield Buffer.from(part);
  }
}

test("a database that arrived wholly is there after a power failure", async () => {
  const { simulated, disk } = await setUp();
  await saveReceivedDatabase(disk, DIRECTORY, 42, chunks("ab", "", "cd"));
  simulated.crash();
  assert.deepEqual(await simulated.mount().list(DIRECTORY), [NAME]);
  assert.equal(Buffer.from(simulated.contents(receivedDatabasePath(DIRECTORY, 42))!).toString(), "abcd");
});

test("a second one for the same snapshot changes nothing", async () => {
  const { simulated, disk } = await setUp();
  await saveReceivedDatabase(disk, DIRECTORY, 42, chunks("first"));
  await saveReceivedDatabase(disk, DIRECTORY, 42, chunks("second"));
  assert.deepEqual(await disk.list(DIRECTORY), [NAME]);
  assert.equal(Buffer.from(simulated.contents(receivedDatabasePath(DIRECTORY, 42))!).toString(), "first");
});

test("a stream that breaks off, and a full disk, leave nothing behind", async () => {
  const { disk, failWrites } = await setUp();
  const broken = saveReceivedDatabase(disk, DIRECTORY, 42, chunks("ab", new Error("connection reset")));
  await assert.rejects(broken, /connection reset/);
  failWrites("FULL");
  await assert.rejects(saveReceivedDatabase(disk, DIRECTORY, 42, chunks("ab")), { code: "FULL" });
  assert.deepEqual(await disk.list(DIRECTORY), []);
});

test("databases of older snapshots are removed, nothing else", async () => {
  const { disk } = await setUp();
  for (const index of [1, 41, 42, 43]) await saveReceivedDatabase(disk, DIRECTORY, index, chunks("x"));
  await (await disk.open(`${DIRECTORY}/db`, "write")).close();
  assert.equal((await removeOrphans(disk, DIRECTORY, 42)).length, 2);
  assert.deepEqual(await disk.list(DIRECTORY), [NAME, "000000000000002b.snap.db", "db"]);
});
