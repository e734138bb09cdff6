import assert from "node:assert/strict";
import { test } from "node:test";
import { readFile } from "@quorate/storage/seams/disk";
import { type DiskFault, SimulatedDisk } from "@quorate/storage/seams/simulated-disk";
import { ManualClock } from "@quorate/testkit/clock";
import { SeededRandom } from "@quorate/testkit/random";
import { type Logger, silentLogger } from "../log/logger.ts";
import { LastDefragmentation } from "./last-defragmentation.ts";

const PATH = "data/last-defragmentation";
const HOUR_MS = 3_600_000;
const BEGIN_MS = Date.parse("2026-11-30T12:00:00Z");

/** A computer on which a member has one life after another. */
class Machine {
  readonly warnings: string[] = [];
  readonly simulated: SimulatedDisk;
  /** Asked before each operation of the disk. */
  fault: (() => DiskFault | undefined) | undefined;

  constructor(seed = 1) {
    this.simulated = new SimulatedDisk({ random: new SeededRandom(seed), fault: () => this.fault?.() });
  }

  async has(text: string): Promise<this> {
    const disk = this.simulated.mount();
    await disk.makeDirectory("data");
    const file = await disk.open(PATH, "durable");
    await file.write(Buffer.from(text), 0);
    await file.close();
    for (const directory of ["data", "."]) await disk.syncDirectory(directory);
    return this;
  }

  async text(): Promise<string> {
    return Buffer.from(await readFile(this.simulated.mount(), PATH, 1_000)).toString();
  }

  /** A life that begins so long after the first one could; `agoMs` is how long ago the last turn is by now. */
  async live(afterMs: number) {
    const clock = new ManualClock({ wallStartMs: BEGIN_MS + afterMs });
    const log: Logger = { ...silentLogger, warn: (message) => void this.warnings.push(message) };
    const disk = this.simulated.mount();
    if (!(await disk.exists("data"))) await disk.makeDirectory("data");
    const last = await LastDefragmentation.open({ disk, clock, log, path: PATH });
    return { clock, last, agoMs: () => clock.nowMs() - last.lastMs };
  }
}

test("the interval goes on from life to life, from the first one or from the last turn", async () => {
  const machine = new Machine();
  const first = await machine.live(0);
  assert.equal(first.agoMs(), 0);
  first.clock.advance(HOUR_MS);
  assert.equal(first.agoMs(), HOUR_MS);
  const second = await machine.live(10 * HOUR_MS);
  assert.equal(second.agoMs(), 10 * HOUR_MS);
  second.clock.advance(15 * HOUR_MS);
  second.last.isNow();
  assert.equal(second.agoMs(), 0);
  await second.last.close();
  assert.equal(await machine.text(), "2026-12-01T13:00:00.000Z\n");
  const third = await machine.live(27 * HOUR_MS);
  assert.equal(third.agoMs(), 2 * HOUR_MS);
  assert.deepEqual(machine.warnings, []);
});

const files = [
  { name: "a time as people write it is one", text: "2026-11-30 11:00:00Z", agoMs: HOUR_MS, warnings: 0 },
  { name: "what is no time is replaced", text: "yesterday", agoMs: 0, warnings: 1 },
  { name: "an empty file is replaced", text: "", agoMs: 0, warnings: 1 },
  { name: "a long file is replaced", text: "2026-11-30".padEnd(1_000), agoMs: 0, warnings: 1 },
  { name: "a time to come is replaced", text: "2027-11-30T12:00:00Z", agoMs: 0, warnings: 0 },
];
for (const { name, text, agoMs, warnings } of files) {
  test(name, async () => {
    const machine = await new Machine().has(text);
    const life = await machine.live(0);
    assert.deepEqual([life.agoMs(), machine.warnings.length], [agoMs, warnings]);
    if (agoMs === 0) assert.equal(await machine.text(), "2026-11-30T12:00:00.000Z\n");
  });
}

test("a machine that loses its power at any moment has the time before or the new one", async () => {
  const texts = new Set<string>();
  for (let moment = 0; ; moment++) {
    const machine = await new Machine(moment).has("2026-11-30T11:00:00.000Z\n");
    const { last } = await machine.live(0);
    let operationsLeft = moment;
    machine.fault = () => (operationsLeft-- === 0 ? "CRASH" : undefined);
    last.isNow();
    await last.close();
    machine.fault = undefined;
    machine.simulated.crash();
    texts.add(await machine.text());
    if (operationsLeft >= 0) break;
  }
  assert.deepEqual([...texts].sort(), ["2026-11-30T11:00:00.000Z\n", "2026-11-30T12:00:00.000Z\n"]);
});

test("a disk that takes nothing costs a warning and what would outlive this life", async () => {
  const machine = await new Machine().has("2026-11-30T11:00:00.000Z\n");
  const { last, agoMs } = await machine.live(0);
  machine.fault = () => "FULL";
  last.isNow();
  await last.close();
  machine.fault = undefined;
  assert.equal(agoMs(), 0);
  assert.deepEqual(machine.warnings, ["the time of a scheduled defragmentation cannot be kept"]);
  assert.equal(await machine.text(), "2026-11-30T11:00:00.000Z\n");
});
