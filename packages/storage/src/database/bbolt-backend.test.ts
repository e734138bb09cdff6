import { strict as assert } from "node:assert";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after } from "node:test";
import { backendContract } from "../backend/backend-contract.testing.ts";
import type { Clock } from "../seams/clock.ts";
import { BboltBackend } from "./bbolt-backend.ts";
import { temporaryPrefix } from "./database-names.ts";
import { HeldCommits } from "./held-commits.testing.ts";

const root = mkdtempSync(path.join(tmpdir(), "quorate-bbolt-backend-"));
after(() => rmSync(root, { recursive: true, force: true }));
let directories = 0;
const newDirectory = () => path.join(root, `${directories++}`);

for (const [name, map] of [
  ["bbolt, mapped", true],
  ["bbolt, with a cache of pages", false],
] as const) {
  const clocks = new WeakMap<BboltBackend, Clock>();
  const openAt = async (file: string, clock: Clock): Promise<BboltBackend> => {
    const backend = await BboltBackend.open({
      path: file,
      clock,
      map,
      onFatal: (error) => {
        throw error;
      },
    });
    clocks.set(backend, clock);
    return backend;
  };
  backendContract(name, {
    open: (clock) => openAt(path.join(newDirectory(), "db"), clock),
    crash: (backend) => {
      assert.ok(backend instanceof BboltBackend);
      const directory = newDirectory();
      mkdirSync(directory);
      copyFileSync(backend.path, path.join(directory, "db"));
      return openAt(path.join(directory, "db"), clocks.get(backend)!);
    },
    importBeside: async (backend, file, clock) => {
      assert.ok(backend instanceof BboltBackend);
      const received = path.join(path.dirname(backend.path), `${temporaryPrefix(backend.path)}received`);
      writeFileSync(received, file);
      return openAt(received, clock);
    },
    settle: (backend) => backend.flushed(),
    holdCommits: () => new HeldCommits(),
  });
}
