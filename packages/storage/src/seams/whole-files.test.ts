import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "@quorate/testkit/random";
import { type DiskFault, SimulatedDisk } from "./simulated-disk.ts";
import { replaceFile, writeFile } from "./whole-files.ts";

const PATH = "folder/file";
const OLD = Buffer.from("what was there before, which is longer");
const NEW = Buffer.from("what comes in its place");

test("a file that is replaced has the old content or the new one, whenever the power fails", async () => {
  const found = new Set<string>();
  let isDone = false;
  for (let moment = 0; !isDone; moment++) {
    let operationsLeft = Number.POSITIVE_INFINITY;
    const fault = (): DiskFault | undefined => (operationsLeft-- === 0 ? "CRASH" : undefined);
    const simulated = new SimulatedDisk({ random: new SeededRandom(moment), fault });
    const disk = simulated.mount();
    await disk.makeDirectory("folder");
    await disk.syncDirectory(".");
    await replaceFile(disk, PATH, (file) => file.write(OLD, 0));
    operationsLeft = moment;
    isDone = await replaceFile(disk, PATH, (file) => file.write(NEW, 0)).then(
      () => true,
      () => false,
    );
    operationsLeft = Number.POSITIVE_INFINITY;
    simulated.crash();
    const content = Buffer.from(simulated.contents(PATH)!).toString();
    found.add(content);
    if (isDone) assert.equal(content, NEW.toString(), "what has been replaced stays so");
  }
  assert.deepEqual(found, new Set([OLD.toString(), NEW.toString()]));
});

test("a file that is written again has nothing of what was in it, and its content survives", async () => {
  const simulated = new SimulatedDisk({ random: new SeededRandom(1) });
  const disk = simulated.mount();
  await writeFile(disk, "file", (file) => file.write(OLD, 0));
  await writeFile(disk, "file", (file) => file.write(NEW, 0));
  await disk.syncDirectory(".");
  simulated.crash();
  assert.deepEqual(simulated.contents("file"), new Uint8Array(NEW));
});

test("what is to happen before a file has its name happens when all of it is written", async () => {
  const simulated = new SimulatedDisk({ random: new SeededRandom(1) });
  const disk = simulated.mount();
  await disk.makeDirectory("folder");
  const refused = replaceFile(
    disk,
    PATH,
    (file) => file.write(NEW, 0),
    async (temporary) => {
      assert.deepEqual(simulated.contents(temporary), new Uint8Array(NEW));
      throw new Error("not now");
    },
  );
  await assert.rejects(refused, { message: "not now" });
  assert.equal(await disk.exists(PATH), false);
});
