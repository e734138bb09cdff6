import { strict as assert } from "node:assert";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after } from "node:test";
import type { Clock } from "../seams/clock.ts";
import { backendContract } from "./backend-contract.testing.ts";
import { LmdbBackend } from "./lmdb-backend.ts";

const root = mkdtempSync(path.join(tmpdir(), "quorate-backend-"));
after(() => rmSync(root, { recursive: true, force: true }));
let directories = 0;
const clocks = new WeakMap<LmdbBackend, Clock>();

async function openIn(directory: string, clock: Clock): Promise<LmdbBackend> {
  const backend = await LmdbBackend.open({
    path: path.join(directory, "db"),
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
  settle: (backend) => backend.flushed(),
});
