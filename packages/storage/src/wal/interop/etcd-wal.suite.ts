/**
 * Logs exchanged with etcd's own code, both ways. Needs Go and builds the program beside this file (a minute the
 * first time); skipped where Go is absent. `node --test packages/storage/src/wal/interop/etcd-wal.suite.ts`
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import test, { after } from "node:test";
import { encodeWalMetadata } from "@quorate/wire/hot";
import { RealDisk } from "../../seams/real-disk.ts";
import { crc32c } from "../crc32c.ts";

import { readWal } from "../recovery.ts";
import { findStart } from "../snapshot-records.ts";
import { validSnapshots } from "../testing.ts";
import type { Entry, HardState } from "../types.ts";
import { Wal } from "../wal.ts";

const directory = fs.mkdtempSync(path.join(os.tmpdir(), "quorate-wal-"));
after(() => fs.rmSync(directory, { recursive: true, force: true }));
const program = path.join(directory, "walcheck");
const missing = build();
const disk = new RealDisk();
const METADATA = { nodeId: 0x10n, clusterId: 0x20n };

interface EtcdReading {
  metadata: string;
  term: number;
  vote: string;
  commit: number;
  entries: { type: number; term: number; index: number; size: number; crc: number }[];
  snapshots: number[];
}

function build(): string | false {
  const gos = ["go", "/usr/local/go/bin/go"];
  const go = gos.find((candidate) => spawnSync(candidate, ["version"]).status === 0);
  if (go === undefined) return "Go is not installed";
  const env = { ...process.env, CGO_ENABLED: "0" };
  const built = spawnSync(go, ["build", "-o", program, "."], {
    cwd: path.join(import.meta.dirname, "go"),
    env,
    encoding: "utf8",
  });
  return built.status === 0 ? false : `go build failed: ${built.stderr.slice(-1000)}`;
}

function run(...parameters: string[]): string {
  const done = spawnSync(program, parameters, { encoding: "utf8", maxBuffer: 1 << 30 });
  assert.equal(done.status, 0, done.stderr);
  return done.stdout;
}

function summary(entries: readonly Entry[]): EtcdReading["entries"] {
  return entries.map(({ type, term, index, data }) => ({
    type,
    term,
    index,
    size: data.length,
    crc: crc32c(data),
  }));
}

test("etcd reads a log of several segments that we wrote, cut and reopened", { skip: missing }, async () => {
  const wal = path.join(directory, "ours");
  let log = await Wal.create(disk, wal, METADATA);
  const entries: Entry[] = [];
  let state: HardState = { term: 1, vote: 1n << 63n, commit: 0 };
  const saved: number[] = [0];
  for (let index = 1; index <= 1200; index++) {
    const data = new Uint8Array((index * 7919) % 300_000).map((_, i) => index + i);
    const entry: Entry = { type: index % 10 === 1 ? 1 : 0, term: 1 + Math.floor(index / 500), index, data };
    state = { ...state, term: entry.term, commit: index - 1 };
    log.save(state, [entry]);
    entries.push(entry);
    await log.sync();
    if (index % 400 === 0) {
      const confState = {
        voters: [0x10n],
        learners: [0x11n],
        votersOutgoing: [],
        learnersNext: [],
        autoLeave: false,
      };
      await log.saveSnapshot({ index: index - 1, term: entry.term, confState });
      saved.push(index - 1);
      await log.close();
      ({ wal: log } = await Wal.open(disk, wal, { index: 0, term: 0 }));
    }
  }
  await log.close();
  assert.ok((await disk.list(wal)).filter((name) => name.endsWith(".wal")).length >= 3);
  const reading = JSON.parse(run("read", wal, "0", "0")) as EtcdReading;
  assert.deepEqual(Buffer.from(reading.metadata, "base64"), Buffer.from(encodeWalMetadata(METADATA)));
  assert.deepEqual(
    [reading.term, reading.vote, reading.commit],
    [state.term, String(state.vote), state.commit],
  );
  assert.deepEqual(reading.snapshots, saved);
  assert.deepEqual(reading.entries, summary(entries));
  const later = JSON.parse(run("read", wal, "799", "2")) as EtcdReading;
  assert.deepEqual(later.entries, summary(entries.slice(799)));
});

test("we read and continue a log of several segments that etcd wrote, and etcd reads that", {
  skip: missing,
}, async () => {
  const wal = path.join(directory, "theirs");
  run("write", wal, "1000");
  const before = JSON.parse(run("read", wal, "0", "0")) as EtcdReading;
  assert.ok((await disk.list(wal)).filter((name) => name.endsWith(".wal")).length >= 2);
  const { content } = await readWal(disk, wal, { index: 0, term: 0 });
  assert.deepEqual(summary(content.entries), before.entries);
  assert.deepEqual(content.metadata, METADATA);
  assert.equal(content.hardState.commit, before.commit);
  assert.deepEqual(
    (await validSnapshots(disk, wal)).map(({ index }) => index),
    before.snapshots,
  );
  const { snapshot, surveys } = await findStart(disk, wal);
  assert.equal(snapshot.index, before.snapshots.at(-1));
  assert.deepEqual(snapshot.confState?.voters, [0x10n]);
  const { wal: log } = await Wal.open(disk, wal, snapshot, { surveys });
  const next: Entry = { type: 0, term: 11, index: 1001, data: new Uint8Array([1, 2, 3]) };
  log.save({ term: 11, vote: 5n, commit: 1000 }, [next]);
  await log.close();
  const after = JSON.parse(run("read", wal, "0", "0")) as EtcdReading;
  assert.deepEqual(after.entries, [...before.entries, ...summary([next])]);
  assert.deepEqual([after.term, after.vote, after.commit], [11, "5", 1000]);
});
