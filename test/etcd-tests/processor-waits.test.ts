import assert from "node:assert/strict";
import { test } from "node:test";
import { ProcessorWaits } from "./processor-waits.ts";

const pressure = (totalUs: number) =>
  `some avg10=91.28 avg60=91.97 avg300=93.91 total=${totalUs}\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n`;

test("waits are the growth of the kernel's sum over the time", () => {
  const texts = [pressure(5_000_000), pressure(5_750_000), pressure(9_000_000)];
  const waits = new ProcessorWaits(() => texts.shift()!);
  assert.equal(waits.share(1_000), 0.75);
  assert.equal(waits.share(1_000), 1);
});

test("a system that does not tell is not known to be quiet", () => {
  const absent = new ProcessorWaits(() => {
    throw new Error("ENOENT");
  });
  assert.equal(absent.share(1_000), undefined);
  assert.equal(new ProcessorWaits(() => "").share(1_000), undefined);
});
