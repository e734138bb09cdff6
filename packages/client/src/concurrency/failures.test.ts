import assert from "node:assert/strict";
import test from "node:test";
import { Code } from "@quorate/rpc/status";
import type { Client } from "../client.ts";
import { ClientError } from "../connection/errors.ts";
import { Election, Mutex, observeLeaders } from "../index.ts";
import { WatchCanceled } from "../watch/watcher.ts";
import { waitForTurn } from "./queue-of-keys.ts";
import type { Session } from "./session.ts";

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
const lost = () => new ClientError(Code.UNAVAILABLE, "connection lost");
const compacted = () =>
  new WatchCanceled(Code.OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted", {
    created: true,
    cancelReason: "",
  } as never);

/** A session whose client loses its connection with whatever it asks for; and the keys that it was to delete. */
function sessionWithoutLuck() {
  const deleted: unknown[] = [];
  const kv = {
    txn: async () => {
      throw lost();
    },
    deleteRange: async ({ key }: { key: string }) => {
      deleted.push(key);
      throw new ClientError(Code.UNAVAILABLE, "lost again");
    },
  };
  return { session: { client: { kv }, lease: 7n } as unknown as Session, deleted };
}

test("who is not told of its place in the queue takes its key away, and says what failed first", async () => {
  const { session, deleted } = sessionWithoutLuck();
  await assert.rejects(new Mutex(session, "lock").lock(), lost());
  await assert.rejects(new Election(session, "election").campaign("value"), lost());
  assert.deepEqual(deleted, ["lock/7", "election/7"]);
});

test("who waits looks again when a compaction has taken what it waited for", async () => {
  const waited: string[] = [];
  const before = ["one", "two"];
  const client = {
    kv: {
      range: async () => ({ header: { revision: 5n }, kvs: before.slice(0, 1).map((key) => ({ key })) }),
    },
    untilDeleted: async (key: string) => {
      waited.push(key);
      before.shift();
      throw compacted();
    },
  } as unknown as Client;
  await waitForTurn(client, "lock/", 4n);
  assert.deepEqual(waited, ["one", "two"]);
  client.untilDeleted = async () => {
    throw lost();
  };
  before.push("three");
  await assert.rejects(waitForTurn(client, "lock/", 4n), lost());
});

test("who observes looks again when a compaction has taken what came next", async () => {
  let leader = 0;
  const client = {
    kv: {
      range: async () => {
        leader++;
        // The second time it is still the first one.
        const name = Math.max(1, leader - 1);
        const kv = {
          key: Buffer.from(`election/${name}`),
          value: Buffer.from(`leader ${name}`),
          modRevision: 1n,
        };
        return { header: { revision: 5n }, kvs: [kv] };
      },
    },
    // biome-ignore lint/correctness/useYield: it ends before it has anything to say.
    watch: async function* () {
      throw leader < 4 ? compacted() : lost();
    },
  } as unknown as Client;
  const seen: string[] = [];
  await assert.rejects(async () => {
    for await (const { kv } of observeLeaders(client, "election")) seen.push(text(kv.value));
  }, lost());
  assert.deepEqual(seen, ["leader 1", "leader 2", "leader 3"]);
});
