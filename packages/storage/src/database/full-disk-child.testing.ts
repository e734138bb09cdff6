import { strict as assert } from "node:assert";
import { applyEntry, EntryModel } from "../backend/entry-model.testing.ts";
import { openTested } from "./tested-backend.testing.ts";

// Writes until its files may not grow any more, and tells what it saw.
let failure: Error | undefined;
const backend = await openTested(process.argv[2]!, {
  onFatal: (error) => {
    assert.equal(failure, undefined, "reported once");
    failure = error;
  },
});
let index = 0;
let durable = 0;
let rejected: unknown;
while (failure === undefined) {
  for (let i = 0; i < 100; i++) {
    index++;
    backend.setConsistentIndex(index, 1);
    applyEntry(index, backend);
    backend.entryApplied();
  }
  backend.commit();
  await backend.flushed().then(
    () => {
      durable = index;
    },
    (error: unknown) => {
      rejected = error;
    },
  );
}
assert.equal(rejected, failure);
await assert.rejects(backend.flushed(), failure);
const model = new EntryModel();
model.advance(index);
model.check(backend);
await backend.close();
process.stdout.write(JSON.stringify({ durable, index, message: failure.message }));
