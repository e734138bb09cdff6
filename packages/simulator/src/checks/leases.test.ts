import assert from "node:assert/strict";
import test from "node:test";
import type { LeaseRecord } from "../clients/lease-holder.ts";
import { KeyHistories } from "./history.ts";
import { checkLeases } from "./leases.ts";
import { historyOf } from "./testing.ts";

/** The key of lease 7 is put at 2 and goes at 3, which is first seen at `endMs`. */
const ended = (endMs: number) =>
  historyOf({ 2: [["l/1", "v", "7"]], 3: [["l/1"]] }, (main) => (main === 3 ? endMs : 0));
const lease: LeaseRecord = {
  id: 7n,
  key: "l/1",
  freedKey: "l/1-freed",
  ttlMs: 2_000,
  renewedMs: 1_000,
  abandonedMs: 1_500,
  revoked: false,
};

const cases = [
  { name: "it ends when its time is over", history: ended(3_000), lease, wrong: undefined },
  { name: "it ends a little early by a fast clock", history: ended(2_985), lease, wrong: undefined },
  { name: "it ends too early", history: ended(2_900), lease, wrong: /was revoked at 2900/ },
  {
    name: "it ends early as was asked for",
    history: ended(1_600),
    lease: { ...lease, revoked: true },
    wrong: undefined,
  },
  {
    name: "a key that was put without it stays",
    history: historyOf({
      2: [["l/1", "v", "7"]],
      3: [["l/1-freed", "v", "7"]],
      4: [["l/1-freed", "w"]],
      5: [["l/1"]],
    }),
    lease: { ...lease, revoked: true },
    wrong: undefined,
  },
  {
    name: "a key that was put without it goes with it",
    history: historyOf({
      2: [["l/1", "v", "7"]],
      3: [["l/1-freed", "v", "7"]],
      4: [["l/1-freed", "w"]],
      5: [["l/1"], ["l/1-freed"]],
    }),
    lease: { ...lease, revoked: true },
    wrong: /attached no more/,
  },
  { name: "it never ends", history: historyOf({ 2: [["l/1", "v", "7"]] }), lease, wrong: /never revoked/ },
];

for (const { name, history, lease: held, wrong } of cases) {
  test(`${name}: ${wrong === undefined ? "accepted" : "found"}`, () => {
    const found = checkLeases([held], new KeyHistories(history), history, 1.01);
    if (wrong === undefined) assert.deepEqual(found, []);
    else assert.match(found.join(), wrong);
  });
}
