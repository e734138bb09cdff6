import assert from "node:assert/strict";
import test from "node:test";
import { keepRequest, messageSlab, releaseMessage } from "./slab.ts";

/** Cut from the slab, filled with `value`. */
function cut(size: number, value: number): Uint8Array {
  return messageSlab.allocate(size).fill(value);
}

const placeOf = ({ buffer, byteOffset }: Uint8Array) => ({ buffer, byteOffset });

test("the memory of a released message is the next one's", () => {
  const message = cut(300, 1);
  releaseMessage(message);
  assert.deepEqual(placeOf(cut(200, 2)), placeOf(message));
});

test("messages are released in any order, and none loses its bytes to another", () => {
  const messages = [cut(100, 1), cut(200, 2), cut(300, 3)];
  releaseMessage(messages[1]!);
  const later = cut(200, 4);
  for (const [i, message] of [...messages, later].entries()) {
    assert.ok(message.every((byte) => byte === i + 1));
  }
  releaseMessage(later);
  releaseMessage(messages[2]!);
  assert.deepEqual(placeOf(cut(10, 5)), placeOf(messages[2]!));
  assert.ok(messages[0]!.every((byte) => byte === 1));
});

test("a message that is released twice is reused once", () => {
  const message = cut(50, 1);
  releaseMessage(message);
  const next = cut(80, 2);
  releaseMessage(message);
  assert.ok(cut(80, 3) && next.every((byte) => byte === 2));
});

test("what is not of the slab may be released", () => {
  const before = cut(8, 1);
  releaseMessage(new Uint8Array(before.buffer.slice(0)));
  releaseMessage(messageSlab.allocate(1 << 20));
  releaseMessage(keepRequest(before));
  releaseMessage(new Uint8Array(0));
  const next = cut(8, 2);
  assert.ok(before.every((byte) => byte === 1) && next.every((byte) => byte === 2));
});

test("a kept request has the bytes that it had, and stays when its source changes", () => {
  for (const size of [0, 1, 64, 300, 2048, 2049, 100_000]) {
    const source = new Uint8Array(size).fill(7);
    const kept = keepRequest(source);
    source.fill(0);
    assert.equal(kept.length, size);
    assert.ok(kept.every((byte) => byte === 7));
  }
});
