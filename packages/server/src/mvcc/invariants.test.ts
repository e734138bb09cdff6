import assert from "node:assert/strict";
import test from "node:test";
import { AssertionFailure } from "@quorate/storage/assert";
import type { StoreState } from "./store-state.ts";
import { bytes, memoryBackend, openStore } from "./testing.ts";
import { WriteTxn } from "./write-txn.ts";

/** A transaction that has put one key, and the state that it changes. */
async function halfWritten(): Promise<{ txn: WriteTxn; state: StoreState }> {
  const { state } = (await openStore(memoryBackend())) as unknown as { state: StoreState };
  const txn = new WriteTxn(state, () => undefined).begin();
  txn.put(bytes("key"), bytes("value"), 0n);
  return { txn, state };
}

const broken: readonly {
  readonly name: string;
  readonly provoke: (half: { txn: WriteTxn; state: StoreState }) => void;
}[] = [
  { name: "one write transaction at a time", provoke: ({ txn }) => txn.begin() },
  {
    name: "no transaction is half written",
    provoke: ({ state }) => new WriteTxn(state, () => undefined).begin(),
  },
  {
    name: "a transaction makes the next revision",
    provoke: ({ txn, state }) => {
      state.currentRevision += 1;
      txn.end();
    },
  },
  {
    name: "a transaction ends with all of its changes in sight",
    provoke: ({ txn, state }) => {
      state.latestMain = state.currentRevision;
      txn.end();
    },
  },
  {
    name: "a write transaction ends once",
    provoke: ({ txn }) => {
      txn.end();
      txn.end();
    },
  },
];
for (const { name, provoke } of broken) {
  test(`a broken invariant is found: ${name}`, async () => {
    const half = await halfWritten();
    assert.throws(() => provoke(half), new AssertionFailure(name));
  });
}
