import assert from "node:assert/strict";
import test from "node:test";
import type { WatchedChange, Watcher, WatcherOptions } from "../clients/watcher.ts";
import { KeyHistories } from "./history.ts";
import { historyOf } from "./testing.ts";
import { checkWatcher } from "./watches.ts";

const HISTORY = historyOf({
  2: [["r/1", "a"]],
  3: [["s/1", "b"]],
  4: [["r/1"], ["r/2", "c"]],
  5: [["r/2", "d"]],
});
const a = { main: 2, key: "r/1", value: "a", tombstone: false };
const gone = { main: 4, key: "r/1", value: "", tombstone: true };
const c = { main: 4, key: "r/2", value: "c", tombstone: false };
const d = { main: 5, key: "r/2", value: "d", tombstone: false };

const cases: {
  name: string;
  seen: WatchedChange[];
  gaps?: Watcher["gaps"];
  filters?: WatcherOptions["filters"];
  /** Of a watcher that was stopped. */
  next?: number;
  wrong: RegExp | undefined;
}[] = [
  { name: "everything once and in order", seen: [a, gone, c, d], wrong: undefined },
  {
    name: "what was compacted is missing",
    seen: [c, d],
    gaps: [{ from: 1, to: 3 }],
    wrong: /instead of delete r\/1/,
  },
  {
    name: "only what was compacted is missing",
    seen: [gone, c, d],
    gaps: [{ from: 1, to: 3 }],
    wrong: undefined,
  },
  { name: "a gap", seen: [a, gone, d], wrong: /event 2: put r\/2 d at 5 instead of put r\/2 c at 4/ },
  { name: "a duplicate", seen: [a, a, gone, c, d], wrong: /event 1/ },
  { name: "a wrong order", seen: [a, c, gone, d], wrong: /event 1/ },
  { name: "a wrong value", seen: [a, gone, c, { ...d, value: "e" }], wrong: /event 3/ },
  { name: "an end when it was stopped", seen: [a], next: 4, wrong: undefined },
  { name: "an end before it was stopped", seen: [a], next: 5, wrong: /nothing instead of delete r\/1/ },
  { name: "no deletes where they are filtered out", seen: [a, c, d], filters: ["deletes"], wrong: undefined },
  {
    name: "deletes where they are filtered out",
    seen: [a, gone, c, d],
    filters: ["deletes"],
    wrong: /event 1: delete r\/1 at 4 instead of put r\/2 c at 4/,
  },
  { name: "no puts where they are filtered out", seen: [gone], filters: ["puts"], wrong: undefined },
  {
    name: "the previous value",
    seen: [a, { ...gone, previous: { value: "a", modRevision: 2 } }, c, d],
    wrong: undefined,
  },
  {
    name: "another previous value",
    seen: [a, gone, c, { ...d, previous: { value: "b", modRevision: 3 } }],
    wrong: /previous value b@3 instead of c@4/,
  },
  {
    name: "no previous value where it was asked for",
    seen: [a, { ...gone, wantsPrevious: true }, c, d],
    wrong: /previous value undefined@undefined instead of a@2/,
  },
  {
    name: "a previous value where there was none",
    seen: [{ ...a, previous: { value: "z", modRevision: 1 } }, gone, c, d],
    wrong: /previous value z@1/,
  },
  { name: "an end too early", seen: [a, gone, c], wrong: /nothing instead of put r\/2 d/ },
];

for (const { name, seen, gaps = [], filters, next, wrong } of cases) {
  test(`${name}: ${wrong === undefined ? "accepted" : "found"}`, () => {
    const options = { name: "w", key: "r/", end: "r0", filters };
    const watcher = { options, seen, gaps, next, isStopped: next !== undefined } as unknown as Watcher;
    const found = checkWatcher(watcher, HISTORY, new KeyHistories(HISTORY));
    if (wrong === undefined) assert.deepEqual(found, []);
    else assert.match(found.join(), wrong);
  });
}
