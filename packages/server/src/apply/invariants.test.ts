import assert from "node:assert/strict";
import test from "node:test";
import { EntryType } from "@quorate/raft";
import { AssertionFailure } from "@quorate/storage/assert";
import { MemoryBackend } from "@quorate/storage/backend/memory-backend";
import { ManualClock } from "@quorate/testkit/clock";
import { Probe } from "../consensus/testing.ts";
import { bytes, openStore } from "../mvcc/testing.ts";
import type { ReplicatedState } from "../operations/state.ts";
import { StateMachine, type StateMachineOptions } from "./state-machine.ts";

const DATA = new Uint8Array(0);
const entry = (index: number, term: number) => ({ type: EntryType.EntryNormal, index, term, data: DATA });

/** What a proposal does to the state in place of an operation. */
class Doing extends Probe {
  readonly #run: (state: ReplicatedState) => void;

  constructor(run: (state: ReplicatedState) => void) {
    super({});
    this.#run = run;
  }

  override apply(state?: ReplicatedState): undefined {
    this.#run(state!);
  }
}

/** A machine that has applied entry 5 of term 2. */
async function machine() {
  const clock = new ManualClock();
  const backend = new MemoryBackend({ clock });
  const store = await openStore(backend, { clock });
  backend.setConsistentIndex(5, 2);
  backend.entryApplied();
  const state = { backend, store } as unknown as ReplicatedState;
  const options = { clock, slowMs: 1e9, state, reconfigure: () => {}, onRefusedChange: () => {} };
  return { store, machine: new StateMachine(options as unknown as StateMachineOptions) };
}

function put({ store }: ReplicatedState): void {
  const txn = store.beginWrite();
  txn.put(bytes("key"), bytes("value"), 0n);
  txn.end();
}

const broken: readonly { readonly name: string; readonly apply: (machine: StateMachine) => void }[] = [
  { name: "entries are applied one after another", apply: (on) => on.applyEntry(entry(7, 2), undefined) },
  { name: "entries are applied one after another", apply: (on) => on.applyEmpty(entry(7, 2)) },
  {
    name: "entries are applied one after another",
    apply: (on) => on.applyConfChange({ ...entry(7, 2), type: EntryType.EntryConfChange }),
  },
  {
    name: "the terms of applied entries never go back",
    apply: (on) => on.applyEntry(entry(6, 1), undefined),
  },
  {
    name: "one entry is applied at a time",
    apply: (on) => on.applyEntry(entry(6, 2), new Doing(() => on.applyEmpty(entry(7, 2)))),
  },
  {
    name: "revisions never go back",
    apply: (on) => {
      const back = new Doing(({ store }) => {
        (store as unknown as { state: { currentRevision: number } }).state.currentRevision -= 1;
      });
      on.applyEntry(entry(6, 2), back);
    },
  },
  {
    name: "an entry makes one revision at most",
    apply: (on) => {
      const twice = new Doing((state) => {
        put(state);
        put(state);
      });
      on.applyEntry(entry(6, 2), twice);
    },
  },
];
for (const { name, apply } of broken) {
  test(`a broken invariant is found: ${name}`, async () => {
    const { machine: on } = await machine();
    assert.throws(() => apply(on), new AssertionFailure(name));
  });
}

test("an entry that writes makes one revision, and one that does not makes none", async () => {
  const { machine: on, store } = await machine();
  const before = store.currentRevision;
  on.applyEntry(entry(6, 2), new Doing(put));
  assert.equal(store.currentRevision, before + 1);
  on.applyEntry(entry(7, 2), new Doing(() => {}));
  on.applyEmpty(entry(8, 3));
  assert.equal(store.currentRevision, before + 1);
});
