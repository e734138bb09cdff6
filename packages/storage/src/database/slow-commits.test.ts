import { strict as assert } from "node:assert";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, mock, type TestContext, test } from "node:test";
import { ManualClock } from "@quorate/testkit/clock";
import { exported, putEntry, scanned, turn } from "../backend/backend-contract.testing.ts";
import type { Clock } from "../seams/clock.ts";
import { realClock } from "../seams/real-clock.ts";
import { GenerationCommitter } from "./generation-committer.ts";
import { HeldCommits } from "./held-commits.testing.ts";
import { openTested, type TestedBackendOptions } from "./tested-backend.testing.ts";

const root = mkdtempSync(path.join(tmpdir(), "quorate-slow-commits-"));
after(() => rmSync(root, { recursive: true, force: true }));
let directories = 0;

const open = ({
  path: file = path.join(root, `${directories++}`, "db"),
  ...options
}: TestedBackendOptions & { readonly path?: string } = {}) =>
  openTested(file, { clock: ManualClock.withRealTurns(), ...options });

function holdCommits(context: TestContext): HeldCommits {
  const commits = new HeldCommits();
  context.after(() => commits.release());
  return commits;
}

test("an export is of the commit that has what was written before it", async (context) => {
  const backend = await open();
  const commits = holdCommits(context);
  putEntry(backend, 1);
  backend.commit();
  const ofCommitUnderWay = exported(backend);
  await turn();
  putEntry(backend, 2);
  backend.commit();
  await commits.endOne();
  assert.equal((await ofCommitUnderWay).index, 1);
  const ofPending = exported(backend);
  await turn();
  await commits.endOne();
  assert.equal((await ofPending).index, 2);
  assert.equal((await exported(backend)).index, 2, "nothing is pending");
  commits.release();
  await backend.close();
});

test("closing commits what is pending, and waits for nothing that is written meanwhile", async (context) => {
  const clock = ManualClock.withRealTurns();
  let backend = await open({ clock });
  const commits = holdCommits(context);
  putEntry(backend, 1);
  backend.commit();
  putEntry(backend, 2);
  const closed = backend.close();
  await commits.endOne();
  putEntry(backend, 3);
  clock.advance(1000);
  await commits.endOne();
  await closed;
  assert.equal(commits.bytes.length, 2);
  backend.commit();
  await assert.rejects(backend.flushed(), /closed/);
  commits.release();
  backend = await open({ path: backend.path });
  assert.equal(backend.consistentIndex, 2);
  await backend.close();
});

test("what waits for a slow disk becomes commits of a limited size, each at the end of an entry", async (context) => {
  const batchBytes = 20_000;
  const backend = await open({ batchBytes, batchLimit: 10 });
  const commits = holdCommits(context);
  const record = new Uint8Array(1000).fill(1);
  for (let index = 1; index <= 200; index++) {
    backend.setConsistentIndex(index, 1);
    backend.putRevision(index, 0, false, record);
    backend.put("lease", Uint8Array.of(1), Uint8Array.of(index));
    if (index > 20) backend.deleteRevision(index - 20, 0, false);
    backend.entryApplied();
  }
  const content = scanned(backend);
  const backlogBytes = backend.backlogBytes;
  assert.equal(content.length, 20);
  const last = backend.flushed();
  for (let ended = 1; ended <= 3; ended++) {
    const file = path.join(root, `${directories++}-db`);
    await commits.endOne(() => copyFileSync(backend.path, file));
    const left = await open({ path: file });
    const index = left.consistentIndex;
    assert.ok(index > 0 && index < 200);
    assert.deepEqual(left.get("lease", Uint8Array.of(1)), Uint8Array.of(index));
    assert.deepEqual(
      [left.lastRevision(), scanned(left).length],
      [{ main: index, sub: 0 }, Math.min(index, 20)],
    );
    await left.close();
  }
  assert.deepEqual(scanned(backend), content);
  while (backend.backlogBytes > 0) await commits.endOne();
  await last;
  const entryBytes = Math.max(...commits.bytes) - batchBytes;
  assert.ok(entryBytes < 2000, `${commits.bytes}`);
  assert.equal(
    commits.bytes.reduce((sum, bytes) => sum + bytes),
    backlogBytes,
  );
  assert.ok(commits.bytes.length >= backlogBytes / (batchBytes + 2000));
  assert.deepEqual(scanned(backend), content);
  await backend.close();
});

test("a commit that fails is told to whoever waits for the backlog", async () => {
  let failure: Error | undefined;
  const backend = await open({
    onFatal: (error) => {
      failure = error;
    },
  });
  const heard: (string | undefined)[] = [];
  backend.onCommitEnd(() => heard.push(failure?.message));
  const { prototype } = GenerationCommitter;
  const { commit } = prototype;
  const failing = mock.method(
    prototype,
    "commit",
    function (this: GenerationCommitter, ...[file, batch, done]: Parameters<typeof commit>) {
      commit.call(this, file, batch, () => done(new Error("no space")));
    },
  );
  putEntry(backend, 1);
  backend.commit();
  await assert.rejects(backend.flushed(), /no space/);
  failing.mock.restore();
  assert.deepEqual(heard, ["no space"]);
  assert.ok(backend.backlogBytes > 0);
  await backend.close();
});

test("a defragmentation ends while writes come faster than it copies", async () => {
  let index = 0;
  let isWriting = false;
  // Whenever the copy lets the loop go on, more is committed than it copies at a time.
  const clock: Clock = {
    ...realClock,
    nowMs: () => realClock.nowMs(),
    soon: (callback) => {
      // Who writes is held back by what is not durable, as in a member: a commit, too, lets the loop go on.
      if (!isWriting || backend.backlogBytes > 2 ** 18) return realClock.soon(callback);
      for (let i = 0; i < 2500; i++) putEntry(backend, ++index);
      backend.commit();
      // While commits are held back this would wait for the copy.
      const goesOn = new Promise((resolve) => realClock.setTimer(50, () => resolve(undefined)));
      void Promise.race([backend.flushed(), goesOn]).then(callback);
    },
  };
  const backend = await open({ clock });
  for (let i = 0; i < 10_000; i++) putEntry(backend, ++index);
  backend.commit();
  await backend.flushed();
  isWriting = true;
  await Promise.race([backend.defragment(), until(() => index > 100_000 || !isWriting)]);
  const writtenMeanwhile = index;
  isWriting = false;
  assert.ok(writtenMeanwhile <= 100_000, "the copy has no end");
  backend.commit();
  await backend.flushed();
  assert.equal(scanned(backend).length, index);
  await backend.close();
});

async function until(isOver: () => boolean): Promise<void> {
  while (!isOver()) await turn();
}
