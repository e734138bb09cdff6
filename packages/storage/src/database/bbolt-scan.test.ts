import { strict as assert } from "node:assert";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after } from "node:test";
import { SeededRandom } from "@quorate/testkit/random";
import { testWithSeed } from "@quorate/testkit/seed";
import { realClock } from "../seams/real-clock.ts";
import { BboltBackend } from "./bbolt-backend.ts";

const root = mkdtempSync(path.join(tmpdir(), "quorate-bbolt-scan-"));
after(() => rmSync(root, { recursive: true, force: true }));

const RECORDS = 12_000;

for (const map of [true, false]) {
  testWithSeed(
    `a long scan, which reads ahead, sees each record as it is while others come and go (${map ? "mapped" : "cached"})`,
    async (seed) => {
      const random = new SeededRandom(seed);
      const backend = await BboltBackend.open({
        path: path.join(root, `${map}`, "db"),
        clock: realClock,
        map,
        onFatal: (error) => {
          throw error;
        },
      });
      // Each record says which it is, some are longer than a page or two.
      const recordOf = (main: number): Uint8Array => {
        const record = new Uint8Array(main % 500 === 0 ? 9000 + (main % 7000) : 100 + (main % 400)).fill(
          main,
        );
        new DataView(record.buffer).setUint32(0, main);
        return record;
      };
      const removed = new Set<number>();
      let last = 0;
      const write = (count: number) => {
        for (let i = 0; i < count; i++) backend.putRevision(++last, 0, false, recordOf(last));
      };
      const commit = async () => {
        backend.commit();
        await backend.flushed();
      };
      while (last < RECORDS) {
        write(1000);
        await commit();
      }
      const scan = backend.scanRevisions(1, RECORDS);
      const seen: number[] = [];
      while (
        scan.visit(1 + random.below(700), (main, _sub, _tombstone, bytes, start, end) => {
          assert.equal(Buffer.compare(bytes.subarray(start, end), recordOf(main)), 0, `record ${main}`);
          seen.push(main);
        }) > 0
      ) {
        // Before and behind the scan, so that its pages are moved, and those before are used again.
        for (let i = random.below(300); i > 0; i--) {
          const main = 1 + random.below(RECORDS);
          if (removed.has(main)) continue;
          removed.add(main);
          backend.deleteRevision(main, 0, false);
        }
        write(random.below(200));
        if (random.chance(0.7)) await commit();
      }
      const visited = new Set(seen);
      const sorted = [...visited].sort((a, b) => a - b);
      assert.deepEqual(seen, sorted, "in order, each once");
      for (let main = 1; main <= RECORDS; main++) {
        if (!removed.has(main)) assert.ok(visited.has(main), `record ${main}`);
      }
      await backend.close();
    },
  );
}
