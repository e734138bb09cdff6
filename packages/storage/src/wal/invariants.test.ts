import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AssertionFailure } from "../assert.ts";
import type { Disk, DiskFile, OpenMode } from "../seams/disk.ts";
import { LogOrder } from "./log-order.ts";
import { entry, METADATA, simulatedDisk, snapshotAt } from "./testing.ts";
import { Wal } from "./wal.ts";
import { WritePosition } from "./write-position.ts";

const START = { index: 0, term: 0 };

/** Entries 1@1 2@1 3@2 4@2, of which 2 is committed, in term 3. */
function someOrder(): LogOrder {
  const entries = [entry(1, 1), entry(2, 1), entry(3, 2), entry(4, 2)];
  return new LogOrder(START, entries, { term: 3, vote: 1n, commit: 2 });
}

describe("a log ends its member rather than say what cannot be:", () => {
  const cases: readonly { readonly name: string; readonly provoke: (order: LogOrder) => void }[] = [
    { name: "the log has no gap", provoke: (order) => order.append([entry(6, 2)]) },
    { name: "the log has no gap", provoke: (order) => order.append([entry(5, 2), entry(7, 2)]) },
    { name: "what is committed is not written over", provoke: (order) => order.append([entry(2, 3)]) },
    { name: "the terms of entries never go back", provoke: (order) => order.append([entry(5, 1)]) },
    {
      name: "the terms of entries never go back",
      provoke: (order) => order.append([entry(4, 3), entry(5, 2)]),
    },
    {
      name: "the terms of entries never go back",
      provoke: (order) => {
        order.setSnapshot(snapshotAt(9, 3));
        order.append([entry(10, 2)]);
      },
    },
    {
      name: "the log's term never goes back",
      provoke: (order) => order.setState({ term: 2, vote: 1n, commit: 2 }),
    },
    {
      name: "no entry is of a later term than the log",
      provoke: (order) => {
        order.append([entry(5, 4)]);
        order.setState({ term: 3, vote: 1n, commit: 2 });
      },
    },
    {
      name: "nothing is written behind a write that has not ended well",
      provoke: () => {
        const position = new WritePosition(64);
        position.begin(8);
        position.begin(8);
      },
    },
    { name: "a write ends once", provoke: () => new WritePosition(64).ended() },
  ];
  for (const { name, provoke } of cases) {
    test(name, () => assert.throws(() => provoke(someOrder()), new AssertionFailure(name)));
  }

  test("nothing, when another leader's entries replace what is not committed, be they of an older term", () => {
    const order = someOrder();
    order.append([entry(3, 1), entry(4, 3)]);
    order.append([entry(5, 3)]);
    order.setState({ term: 3, vote: 1n, commit: 4 });
    assert.equal(order.lastIndex, 5);
    assert.throws(() => order.append([entry(4, 3)]), AssertionFailure);
  });

  test("nothing, when a received snapshot takes the place of an end that reaches beyond it", () => {
    const order = someOrder();
    order.setSnapshot(snapshotAt(3, 3));
    assert.equal(order.lastIndex, 3);
    order.append([entry(4, 3)]);
    assert.equal(order.lastIndex, 4);
  });

  test("a snapshot of what the log has changes nothing", () => {
    const order = someOrder();
    for (const snapshot of [snapshotAt(2, 1), snapshotAt(3, 2)]) order.setSnapshot(snapshot);
    assert.equal(order.lastIndex, 4);
  });
});

test("what a log refuses to say is not in it", async () => {
  const disk = simulatedDisk().mount();
  const wal = await Wal.create(disk, "wal", METADATA);
  wal.save({ term: 1, vote: 1n, commit: 1 }, [entry(1)]);
  assert.throws(() => wal.save(undefined, [entry(3)]), new AssertionFailure("the log has no gap"));
  await wal.close();
  const { content } = await Wal.open(disk, "wal", START);
  assert.deepEqual(
    content.entries.map(({ index }) => index),
    [1],
  );
});

test("what is durable is what has been synced, and after a restart all that was read", async () => {
  const disk = simulatedDisk().mount();
  const wal = await Wal.create(disk, "wal", METADATA);
  wal.save({ term: 3, vote: 1n, commit: 0 }, [entry(1), entry(2)]);
  assert.deepEqual([wal.durableIndex, wal.durableTerm], [0, 0]);
  const synced = wal.sync();
  wal.save({ term: 4, vote: 1n, commit: 0 }, [entry(3)]);
  await synced;
  assert.deepEqual([wal.durableIndex, wal.durableTerm], [2, 3]);
  await wal.close();
  const again = await Wal.open(disk, "wal", START);
  assert.deepEqual([again.wal.durableIndex, again.wal.durableTerm], [3, 4]);
  await again.wal.close();
});

/** `disk`, whose files stay as long as they are. */
function withoutTruncation(disk: Disk): Disk {
  const bound = (target: object, name: string | symbol): unknown => {
    const value: unknown = Reflect.get(target, name, target);
    return typeof value === "function" ? value.bind(target) : value;
  };
  const kept = (file: DiskFile) =>
    new Proxy(file, { get: (target, name) => (name === "truncate" ? async () => {} : bound(target, name)) });
  const open = async (path: string, mode: OpenMode) => kept(await disk.open(path, mode));
  return new Proxy(disk, { get: (target, name) => (name === "open" ? open : bound(target, name)) });
}

test("nothing stands behind the end of a log that is continued", async (t) => {
  const disk = simulatedDisk().mount();
  await (await Wal.create(disk, "wal", METADATA)).close();
  await assert.rejects(Wal.open(withoutTruncation(disk), "wal", START), new AssertionFailure(t.name));
});
