import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServerCall } from "@quorate/rpc/server";
import { LargeRead, LargeReads } from "./large-reads.ts";

/** Reads that begin in the order of their turns, which last until `end`. */
class Readers {
  readonly reads: LargeReads;
  readonly begun: string[] = [];
  readonly #open = new Map<string, LargeRead>();
  readonly #calls = new Map<string, { ended: boolean; whenAnswerRoom(begin: () => void): void }>();

  constructor(atOnce: number, maxHeldBytes = Number.POSITIVE_INFINITY) {
    this.reads = new LargeReads(atOnce, maxHeldBytes);
  }

  /** `name` is its client's, and a number. */
  ask(...names: string[]): void {
    for (const name of names) {
      const call = { ended: false, whenAnswerRoom: (begin: () => void) => begin() };
      const read = new LargeRead(call as unknown as ServerCall, this.reads, () => name[0]!);
      this.#calls.set(name, call);
      this.#open.set(name, read);
      read.whenAnswerRoom(() => this.begun.push(name));
    }
  }

  leave(name: string): void {
    this.#calls.get(name)!.ended = true;
  }

  /** Its answer is ready; returns what sends it. */
  answer(name: string, bytes: number): () => void {
    const parts = [new Uint8Array(bytes - 1), new Uint8Array(1)];
    const release = this.#open.get(name)!.hold(parts);
    this.end(name);
    return () => parts.forEach(release);
  }

  end(name: string): void {
    this.#open.get(name)!.done();
  }

  /** Each that has begun ends, until none is left. */
  endAll(): void {
    for (let i = 0; i < this.begun.length; i++) this.end(this.begun[i]!);
  }
}

const orders = [
  {
    name: "as many as may be are read at the same time",
    atOnce: 2,
    asked: ["a1", "a2", "a3"],
    atFirst: ["a1", "a2"],
    inTheEnd: ["a1", "a2", "a3"],
  },
  {
    name: "clients have their turns in rotation, however many one of them asks for",
    atOnce: 1,
    asked: ["a1", "a2", "a3", "a4", "b1", "b2", "c1"],
    atFirst: ["a1"],
    inTheEnd: ["a1", "a2", "b1", "c1", "a3", "b2", "a4"],
  },
];
for (const { name, atOnce, asked, atFirst, inTheEnd } of orders) {
  test(name, () => {
    const readers = new Readers(atOnce);
    readers.ask(...asked);
    assert.deepEqual(readers.begun, atFirst);
    assert.equal(readers.reads.waiting, asked.length - atFirst.length);
    readers.endAll();
    assert.deepEqual(readers.begun, inTheEnd);
    assert.equal(readers.reads.reading, 0);
    assert.equal(readers.reads.waiting, 0);
  });
}

test("those whose callers have gone while they waited are passed over", () => {
  const readers = new Readers(1);
  readers.ask("a1", "a2", "b1", "c1");
  readers.leave("a2");
  readers.leave("b1");
  readers.endAll();
  assert.deepEqual(readers.begun, ["a1", "c1"]);
  assert.equal(readers.reads.reading, 0);
});

test("a turn ends once", () => {
  const readers = new Readers(1);
  readers.ask("a1", "a2", "a3");
  readers.end("a1");
  readers.end("a1");
  assert.deepEqual(readers.begun, ["a1", "a2"]);
});

test("one that did not get a turn has none to end", () => {
  const readers = new Readers(1);
  readers.ask("a1", "a2");
  readers.end("a2");
  assert.equal(readers.reads.reading, 1);
  assert.deepEqual(readers.begun, ["a1"]);
});

test("while the answers that are not sent hold too much only a client without any begins one", () => {
  const readers = new Readers(10, 100);
  readers.ask("a1", "b1");
  const sendA = readers.answer("a1", 80);
  readers.ask("a2");
  const sendB = readers.answer("b1", 30);
  readers.ask("c1", "a3");
  // Only c had nothing.
  assert.deepEqual(readers.begun, ["a1", "b1", "a2", "c1"]);
  assert.equal(readers.reads.heldBytes, 110);
  readers.ask("c2");
  sendB();
  assert.deepEqual(readers.begun, ["a1", "b1", "a2", "c1", "a3", "c2"]);
  sendA();
  assert.equal(readers.reads.heldBytes, 0);
});

test("an answer that is larger than all that may be held is sent, and further ones of its client wait for it", () => {
  const readers = new Readers(10, 100);
  readers.ask("a1");
  const send = readers.answer("a1", 1_000);
  readers.ask("a2");
  assert.deepEqual(readers.begun, ["a1"]);
  send();
  assert.deepEqual(readers.begun, ["a1", "a2"]);
});
