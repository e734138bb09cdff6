import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryBackend } from "@quorate/storage/backend/memory-backend";
import { realClock } from "@quorate/storage/seams/real-clock";
import { decideStorageVersion, followClusterVersion, storageVersion } from "./storage-version.ts";

const cases: [
  name: string,
  cluster: string | undefined,
  storage: string | undefined,
  down: boolean,
  want: string,
][] = [
  ["no version is decided", undefined, undefined, true, "keep"],
  ["not all members are known", "3.0.0", "3.7.0", true, "keep"],
  ["new storage is marked", "3.7.0", undefined, false, "3.7.0"],
  ["storage is raised", "3.7.0", "3.6.0", false, "3.7.0"],
  ["storage fits", "3.7.0", "3.7.0", true, "keep"],
  ["storage is not lowered before a snapshot", "3.6.0", "3.7.0", false, "wait for a snapshot"],
  ["storage is lowered", "3.6.0", "3.7.0", true, "3.6.0"],
  ["the oldest has no mark", "3.5.0", "3.6.0", true, "unmark"],
  ["the oldest has no mark already", "3.5.0", undefined, true, "keep"],
  ["older than the oldest", "3.4.0", undefined, true, "keep"],
];

for (const [name, cluster, storage, down, want] of cases) {
  test(`the storage version: ${name}`, () => {
    const decision = decideStorageVersion(cluster, storage, down);
    assert.equal(decision.kind === "set" ? decision.version : decision.kind, want);
  });
}

test("the storage version is kept where etcd keeps it", () => {
  const backend = new MemoryBackend({ clock: realClock });
  assert.equal(storageVersion(backend), undefined);
  followClusterVersion(backend, "3.7.0", false);
  assert.equal(Buffer.from(backend.get("meta", Buffer.from("storageVersion")) ?? []).toString(), "3.7.0");
  followClusterVersion(backend, "3.5.0", true);
  assert.equal(storageVersion(backend), undefined);
});
