import path from "node:path";
import { applyEntry } from "../backend/entry-model.testing.ts";
import { RealDisk } from "../seams/real-disk.ts";
import { adoptDatabase, temporaryPrefix } from "./database-names.ts";
import { openTested } from "./tested-backend.testing.ts";

// Replaces its database by that of a bbolt file, writes on, and tells its parent what it is at until it is killed.
const [file, bbolt] = process.argv.slice(2);
const open = (name: string) => openTested(name, { batchLimit: 50, batchIntervalMs: 5 });
const tell = (message: string) => new Promise((resolve) => process.send!(message, resolve));
const backend = await open(file!);
function write(count: number): void {
  for (let i = 0; i < count; i++) {
    const index = backend.consistentIndex + 1;
    backend.setConsistentIndex(index, 1);
    applyEntry(index, backend);
    backend.entryApplied();
  }
}
write(300);
backend.commit();
await backend.flushed();
await tell("importing");
const received = path.join(path.dirname(file!), `${temporaryPrefix(file!)}received`);
const imported = adoptDatabase(new RealDisk(), bbolt!, received);
write(100);
await imported;
const other = await open(received);
await tell("becoming");
await backend.become(other);
await tell("became");
for (;;) {
  write(20);
  await backend.flushed();
  await new Promise((resolve) => setImmediate(resolve));
}
