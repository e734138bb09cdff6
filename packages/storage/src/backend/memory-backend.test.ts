import { strict as assert } from "node:assert";
import { backendContract } from "./backend-contract.testing.ts";
import { MemoryBackend } from "./memory-backend.ts";

backendContract("memory", {
  open: async (clock) => new MemoryBackend({ clock }),
  crash: async (backend) => {
    assert.ok(backend instanceof MemoryBackend);
    return backend.crash();
  },
  importBeside: async (_backend, file, clock) => MemoryBackend.import("test.db", file, { clock }),
  settle: async (_backend, clock) => {
    // Twice: what was sealed during a flush is flushed after it.
    clock.advance(1);
    clock.advance(1);
  },
  holdCommits: (clock) => ({
    endOne: async () => clock.advance(1),
    release: () => {},
  }),
});
