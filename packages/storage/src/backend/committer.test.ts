import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { ManualClock } from "@quorate/testkit/clock";
import { DEFAULT_SLICE_LIMITS } from "../slices.ts";
import { ChunkPool } from "./arena.ts";
import { Committer } from "./committer.ts";
import { LmdbFile } from "./lmdb-file.ts";
import { WriteBatch } from "./write-batch.ts";

const root = mkdtempSync(path.join(tmpdir(), "quorate-committer-"));
after(() => rmSync(root, { recursive: true, force: true }));

/** Time stands still: only work counts. */
const clock = ManualClock.withRealTurns();
const record = Buffer.from("record");

function commit(committer: Committer, file: LmdbFile, batch: WriteBatch): Promise<Error | undefined> {
  return new Promise((resolve) => committer.commit(file.environment, batch, resolve));
}

test("a batch of very many changes is made a transaction in slices", async () => {
  const file = await LmdbFile.open(path.join(root, "many"));
  const committer = new Committer(clock);
  const batch = new WriteBatch(new ChunkPool(), true);
  const count = 60_000;
  for (let main = 1; main <= count; main++) batch.putRevision(main, 0, false, record);
  for (let id = 0; id < count; id++) {
    batch.setEntry("lease", Buffer.from(`${id}`.padStart(8)), Buffer.from("a lease"));
  }
  assert.equal(await commit(committer, file, batch), undefined);
  batch.clear();
  file.reader.renew();
  assert.equal(file.reader.keyTree.entries, count);
  assert.equal(file.reader.state.trees.get("lease")?.entries, count);

  for (let main = count; main >= 1; main--) batch.deleteRevision(main, 0, false);
  for (let id = 0; id < count; id++) {
    batch.setEntry("lease", Buffer.from(`${id}`.padStart(8)), undefined);
  }
  assert.equal(await commit(committer, file, batch), undefined);
  batch.clear();
  file.reader.renew();
  assert.equal(file.reader.keyTree.entries, 0);
  assert.equal(file.reader.state.trees.get("lease")?.entries, 0);
  const { turns, mostInATurn } = committer.slices.meter;
  assert.ok(turns > 20, `${turns} turns`);
  assert.ok(mostInATurn <= 1.5 * DEFAULT_SLICE_LIMITS.turn, `${mostInATurn}`);
  await file.close();
});

for (const count of [10, 40_000]) {
  test(`a put that is not behind all others is told of, among ${count}`, async () => {
    const file = await LmdbFile.open(path.join(root, `refused-${count}`));
    const committer = new Committer(clock);
    const batch = new WriteBatch(new ChunkPool(), true);
    batch.putRevision(count, 0, false, record);
    assert.equal(await commit(committer, file, batch), undefined);
    batch.clear();
    for (let i = 1; i <= count; i++) batch.putRevision(i < count ? count + i : 2 * count, 0, false, record);
    assert.equal(await commit(committer, file, batch), undefined);
    batch.clear();
    for (let i = 1; i <= count; i++) batch.putRevision(2 * count - 1 + i, 0, false, record);
    assert.match(`${await commit(committer, file, batch)}`, /not above the last one/);
    await file.close();
  });
}
