import assert from "node:assert/strict";
import { test } from "node:test";
import { FreeMemory } from "./free-memory.ts";

const MIB = 1024 * 1024;

/** A process of which `keptMiB` are in use, whatever else the allocator has. */
class Fake {
  utilizationNow = 0;
  allocatedMiB = 0;
  keptMiB = 0;
  trims = 0;

  utilization(): number {
    return this.utilizationNow;
  }

  allocatedBytes(): number {
    return this.allocatedMiB * MIB;
  }

  trim(): void {
    this.trims++;
    this.allocatedMiB = this.keptMiB;
  }
}

test("memory that is free goes back to the system, once", () => {
  const fake = new Fake();
  const memory = new FreeMemory(fake);
  fake.allocatedMiB = 300;
  fake.keptMiB = 100;
  for (let i = 0; i < 5; i++) memory.look();
  assert.deepEqual([fake.trims, fake.allocatedMiB], [1, 100]);
  fake.allocatedMiB = 115;
  memory.look();
  assert.equal(fake.trims, 1);
  fake.allocatedMiB = 116;
  memory.look();
  assert.equal(fake.trims, 2);
});

test("a loop with much to do does not wait for it", () => {
  const fake = new Fake();
  const memory = new FreeMemory(fake);
  fake.allocatedMiB = 300;
  fake.utilizationNow = 0.3;
  memory.look();
  assert.equal(fake.trims, 0);
  fake.utilizationNow = 0.2;
  memory.look();
  assert.equal(fake.trims, 1);
});

test("memory that the allocator gave back by itself may be free again", () => {
  const fake = new Fake();
  const memory = new FreeMemory(fake);
  fake.allocatedMiB = 300;
  fake.keptMiB = 300;
  memory.look();
  fake.allocatedMiB = 100;
  memory.look();
  fake.allocatedMiB = 120;
  memory.look();
  assert.equal(fake.trims, 2);
});
