import assert from "node:assert/strict";
import { test } from "node:test";
import { mostBehind } from "./lag.ts";
import { SYNCED, UNSYNCED, type Watcher } from "./watcher.ts";

const watcher = (next: number, state = UNSYNCED) => ({ next, state }) as unknown as Watcher;
const stream = (...watchers: readonly Watcher[]) => ({ watchersOfStream: () => watchers });

test("those are told of who are furthest behind, the worst first", () => {
  const lags = mostBehind(
    [stream(watcher(90), watcher(50), watcher(10, SYNCED)), stream(watcher(20)), stream(watcher(101))],
    100,
  );
  assert.deepEqual(lags, { streams: [81, 51], watchers: [81, 51, 11] });
});

test("however many there are, so many are looked at, and some are told of", () => {
  let looked = 0;
  const many = Array.from({ length: 3 }, () => ({
    *watchersOfStream() {
      for (let i = 0; i < 3_000; i++) {
        looked++;
        yield watcher(i);
      }
    },
  }));
  const { streams, watchers } = mostBehind(many, 20_000);
  assert.deepEqual([streams.length, watchers.length], [2, 10]);
  assert.ok(looked <= 4_098, `${looked}`);
});
