import { SeededRandom } from "@quorate/testkit/random";
import { applyEntry } from "../backend/entry-model.testing.ts";
import { openTested } from "./tested-backend.testing.ts";

// Writes entries as fast as it can until it is killed, and tells its parent how far it is and what of that is durable.
const [file, seed] = process.argv.slice(2);
const random = new SeededRandom(Number(seed));
const backend = await openTested(file!, { batchLimit: 500, batchIntervalMs: 5 });
const tell = (message: object) => new Promise((resolve) => process.send!(message, resolve));
await tell({ opened: backend.consistentIndex });
let index = backend.consistentIndex;
for (;;) {
  for (let i = random.below(200); i >= 0; i--) {
    index++;
    backend.setConsistentIndex(index, 1);
    applyEntry(index, backend);
    backend.entryApplied();
  }
  // Nobody waits for this one: it is there before whatever is told next.
  void tell({ written: index });
  const step = random.below(10);
  if (step === 0) backend.commit();
  if (step === 1 || backend.backlogBytes > 4_000_000) {
    backend.commit();
    const durable = index;
    await backend.flushed();
    await tell({ durable });
  }
  if (step === 2) {
    backend.defragment().catch((error: unknown) => {
      throw error;
    });
  }
  await new Promise((resolve) => setImmediate(resolve));
}
