import { strict as assert } from "node:assert";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after } from "node:test";
import type { Clock } from "../seams/clock.ts";
import { backendContract } from "./backend-contract.testing.ts";
import { Committer } from "./committer.ts";
import { HeldCommits } from "./held-commits.testing.ts";
import { importDatabase, temporaryDatabasePath } from "./import-database.ts";
import { LmdbBackend } from "./lmdb-backend.ts";

const root = mkdtempSync(path.join(tmpdir(), "quorate-backend-"));
after(() => rmSync(root, { recursive: true, force: true }));
let directories = 0;
const clocks = new WeakMap<LmdbBackend, Clock>();

const openIn = (directory: string, clock: Clock) => openAt(path.join(directory, "db"), clock);

async function openAt(file: string, clock: Clock): Promise<LmdbBackend> {
  const backend = await LmdbBackend.open({
    path: file,
    clock,
    onFatal: (error) => {
      throw error;
    },
  });
  clocks.set(backend, clock);
  return backend;
}

const newDirectory = () => path.join(root, `${directories++}`);

backendContract("lmdb", {
  open: (clock) => openIn(newDirectory(), clock),
  crash: (backend) => {
    assert.ok(backend instanceof LmdbBackend);
    const directory = newDirectory();
    mkdirSync(directory);
    copyFileSync(backend.path, path.join(directory, "db"));
    return openIn(directory, clocks.get(backend)!);
  },
  importBeside: async (backend, file, clock) => {
    assert.ok(backend instanceof LmdbBackend);
    const bbolt = temporaryDatabasePath(backend.path);
    writeFileSync(bbolt, file);
    const imported = temporaryDatabasePath(backend.path);
    assert.deepEqual((await importDatabase(bbolt, imported)).unknownBuckets, []);
    rmSync(bbolt);
    return openAt(imported, clock);
  },
  settle: (backend) => backend.flushed(),
  holdCommits: () => new HeldCommits(Committer.prototype),
});
