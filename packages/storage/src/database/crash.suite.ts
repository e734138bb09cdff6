import { strict as assert } from "node:assert";
import { fork } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { killAtExit, temporaryDir } from "@quorate/testkit/process";
import { SeededRandom } from "@quorate/testkit/random";
import { testWithSeed } from "@quorate/testkit/seed";
import { exported } from "../backend/backend-contract.testing.ts";
import { applyEntry, EntryModel } from "../backend/entry-model.testing.ts";
import type { FailpointName } from "../failpoints/names.ts";
import { writeUntilKilled } from "./killed-writer.testing.ts";
import { openTested as open } from "./tested-backend.testing.ts";

/**
 * Processes that are killed while they write, while their database is replaced, and at every failpoint of the backend.
 * `node scripts/run-suite.ts backend-crash`; QUORATE_KILLS asks for more of them.
 */
const root = temporaryDir("backend-crash");
const KILLS = Number(process.env.QUORATE_KILLS ?? 6);

testWithSeed(
  "a killed process leaves the state after some entry, and loses nothing durable",
  async (seed) => {
    const file = path.join(root, "killed", "db");
    const random = new SeededRandom(seed);
    const model = new EntryModel();
    for (let kill = 0; kill < KILLS; kill++) {
      const moment = kill === KILLS - 1 ? "durable" : { entries: random.below(2_000) };
      const durable = await writeUntilKilled(file, seed + kill, moment);
      const backend = await open(file);
      assert.ok(
        backend.consistentIndex >= durable,
        `index ${backend.consistentIndex} after durable ${durable}`,
      );
      model.advance(backend.consistentIndex);
      model.check(backend);
      await backend.close();
    }
    assert.ok(model.index > 0);
  },
);

testWithSeed(
  "a process killed while its database is replaced leaves the old or the new one",
  async (seed) => {
    const RECEIVED = 3000;
    const directory = path.join(root, "replaced");
    const source = await open(path.join(directory, "source"));
    for (let index = 1; index <= RECEIVED; index++) {
      source.setConsistentIndex(index, 1);
      applyEntry(index, source);
    }
    const bbolt = path.join(directory, "received");
    writeFileSync(bbolt, (await exported(source)).file);
    await source.close();
    const script = fileURLToPath(new URL("./crash-replace-child.testing.ts", import.meta.url));
    const random = new SeededRandom(seed);
    const found = { old: 0, new: 0 };
    const moments = ["importing", "becoming", "became"];
    for (const [run, moment] of moments.entries()) {
      const file = path.join(directory, `${run}`, "db");
      const child = fork(script, [file, bbolt], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
      killAtExit(child);
      child.on("message", (message) => {
        if (message !== moment) return;
        // The new one is there soon after it is begun with.
        if (moment === "importing") child.kill("SIGKILL");
        else setTimeout(() => child.kill("SIGKILL"), random.below(20));
      });
      const signal = await new Promise((resolve) => child.on("exit", (_code, name) => resolve(name)));
      assert.equal(signal, "SIGKILL", "the process did not end by itself");
      const backend = await open(file);
      const index = backend.consistentIndex;
      assert.ok((index >= 300 && index <= 400) || index >= RECEIVED, `${moment}: index ${index}`);
      if (moment !== "becoming") assert.equal(index >= RECEIVED, moment === "became");
      found[index >= RECEIVED ? "new" : "old"]++;
      const model = new EntryModel();
      model.advance(index);
      model.check(backend);
      await backend.close();
      const names = readdirSync(path.dirname(file)).filter((name) => !/^db(\.sums)?$/.test(name));
      assert.deepEqual(names, []);
    }
    assert.ok(found.old > 0 && found.new > 0);
  },
);

const FAILPOINTS: readonly FailpointName[] = [
  "beforeCommit",
  "afterCommit",
  "beforeStartDBTxn",
  "afterStartDBTxn",
  "beforeWritebackBuf",
  "afterWritebackBuf",
  "commitBeforePreCommitHook",
  "commitAfterPreCommitHook",
  "defragBeforeCopy",
  "defragBeforeRename",
];

testWithSeed("a process that dies at a failpoint leaves the state after some entry", async (seed) => {
  const file = path.join(root, "failpoints", "db");
  const model = new EntryModel();
  for (const name of FAILPOINTS) {
    // Some of them are passed once an entry: the first times nothing has been committed yet.
    const skipped = name.includes("Writeback") ? 900 : 1;
    const durable = await writeUntilKilled(file, seed, {
      failpoints: `${name}=${skipped}*off->1*sleep(3)->panic`,
    });
    const backend = await open(file);
    assert.ok(backend.consistentIndex >= durable, name);
    model.advance(backend.consistentIndex);
    model.check(backend);
    assert.deepEqual(
      readdirSync(path.dirname(file)).filter((entry) => entry.includes(".tmp.")),
      [],
      "unfinished copies are removed",
    );
    await backend.close();
  }
});
