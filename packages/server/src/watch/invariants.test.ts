import assert from "node:assert/strict";
import test from "node:test";
import { AssertionFailure } from "@quorate/storage/assert";
import type { Change } from "../keys/change.ts";
import { Delivery } from "./delivery.ts";
import { RecentChanges } from "./recent-changes.ts";
import { Harness } from "./testing/harness.ts";
import { WatchEvent } from "./watch-event.ts";
import type { Watcher } from "./watcher.ts";

const KEY = new Uint8Array(Buffer.from("foo"));

function change(main: number): Change {
  return { key: KEY, main, sub: 0, deleted: false, record: new Uint8Array(0) };
}

function transaction(main: number) {
  return { main, events: [new WatchEvent(change(main))] };
}

/** A hub at revision 2 with one synced watcher of "foo". */
function watched() {
  const harness = new Harness();
  const client = harness.open();
  client.create({ key: "foo" });
  harness.store.put("foo");
  client.read();
  const watcher = watcherOf(harness);
  return { harness, client, watcher };
}

function watcherOf({ hub }: Harness): Watcher {
  return hub.index.rangeOf(KEY, new Uint8Array(0), 0).watchers[0]!;
}

const broken: readonly { readonly name: string; readonly provoke: () => void }[] = [
  {
    name: "what is recent follows what is older",
    provoke: () => new RecentChanges(5, 10, 1000).push(transaction(4)),
  },
  {
    name: "transactions come in order, once",
    provoke: () => {
      const recent = new RecentChanges(5, 10, 1000);
      recent.push(transaction(7));
      recent.push(transaction(7));
    },
  },
  {
    name: "changes are handed over when they are in sight",
    provoke: () => watched().harness.hub.onChanges(3, [change(3)]),
  },
  {
    name: "no transaction is handed over twice",
    provoke: () => watched().harness.hub.onChanges(2, [change(2)]),
  },
  {
    name: "no transaction is handed over twice",
    provoke: () => watched().harness.hub.onManyChanges(2, KEY, undefined),
  },
  {
    name: "what has been delivered stays delivered",
    provoke: () => {
      const { harness } = watched();
      harness.store.currentRevision = 1;
      harness.hub.storeReplaced();
    },
  },
  {
    name: "a stream is released once",
    provoke: () => {
      const { harness, client } = watched();
      client.stream.close();
      harness.hub.release(client.stream);
    },
  },
  {
    name: "a watcher is taken out once",
    provoke: () => {
      const { harness, watcher } = watched();
      harness.hub.unregister(watcher);
      harness.hub.unregister(watcher);
    },
  },
  {
    name: "one transaction is delivered at a time",
    provoke: () => {
      const delivery = new Delivery(new Harness().hub);
      delivery.begin(transaction(2), false);
      delivery.begin(transaction(3), false);
    },
  },
  {
    name: "a watcher becomes synced once",
    provoke: () => {
      const { watcher } = watched();
      watcher.range.moveToSynced(watcher);
    },
  },
  {
    name: "only a synced watcher falls behind",
    provoke: () => {
      const { watcher } = watched();
      watcher.range.moveToBehind(watcher);
      watcher.range.moveToBehind(watcher);
    },
  },
  {
    name: "a synced watcher has been handed everything",
    provoke: () => {
      const { client, watcher } = watched();
      client.stream.fallBehind(watcher);
      watcher.next = 2;
      client.stream.becomeSynced(watcher);
    },
  },
  {
    name: "history is read in order, and once",
    provoke: () => {
      const harness = new Harness();
      for (let i = 0; i < 5; i++) harness.store.put("foo");
      harness.store.openHistory = () => ({
        position: 6,
        advance: (_records, _bytes, into) => into.push(change(5), change(4)),
        close: () => {},
      });
      const client = harness.open();
      client.create({ key: "foo", start: 2 });
      client.read();
    },
  },
  {
    name: "what a watcher is handed begins where it is",
    provoke: () => {
      const harness = new Harness();
      for (let i = 0; i < 5; i++) harness.store.put("foo");
      const { openHistory } = harness.store;
      harness.store.openHistory = (...range) => {
        watcherOf(harness).next = 4;
        return openHistory.apply(harness.store, range);
      };
      const client = harness.open();
      client.create({ key: "foo", start: 2 });
      client.read();
    },
  },
];
for (const { name, provoke } of broken) {
  test(`a broken invariant is found: ${name}`, () => {
    assert.throws(provoke, new AssertionFailure(name));
  });
}
