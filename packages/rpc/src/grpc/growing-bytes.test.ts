import assert from "node:assert/strict";
import { test } from "node:test";
import { GrowingBytes } from "./growing-bytes.ts";

test("pieces are put together, in a buffer of at most twice their size", () => {
  const growing = new GrowingBytes();
  const source = Uint8Array.from({ length: 10_000 }, (_, i) => i % 251);
  for (let at = 0; at < source.length; at++) growing.append(source, at, at + 1);
  assert.equal(growing.length, 10_000);
  const taken = growing.take();
  assert.deepEqual(taken, source);
  assert.ok(taken.buffer.byteLength <= 20_000, `${taken.buffer.byteLength}`);
  assert.equal(growing.length, 0);
  assert.equal(growing.take().length, 0);
});

test("what has been taken is the caller's", () => {
  const growing = new GrowingBytes();
  const borrowed = Uint8Array.of(9, 1, 2, 3, 9);
  growing.append(borrowed, 1, 4);
  borrowed.fill(0xee);
  const taken = growing.take();
  growing.append(borrowed, 0, 5);
  assert.deepEqual(taken, Uint8Array.of(1, 2, 3));
  assert.equal(taken.buffer.byteLength, 3);
});
