/**
 * The database file of a real etcd: read, changed and compacted by us, and gone on with by etcd and its tools. Skipped where
 * there is no etcd.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, renameSync } from "node:fs";
import path from "node:path";
import { after, describe, test } from "node:test";
import { OLD_ETCD_VERSION, realEtcd } from "@quorate/testkit/etcd";
import { Etcd } from "@quorate/testkit/grpc";
import { Server, temporaryDir } from "@quorate/testkit/process";
import { compact } from "../database/compact.ts";
import { Database } from "../database/database.ts";

const ALL = { key: Buffer.of(0), range_end: Buffer.of(0) };
const releases = { newest: realEtcd(), before: realEtcd(undefined, OLD_ETCD_VERSION) };

for (const [name, etcd] of Object.entries(releases)) {
  describe(`the database of an etcd, ${name}`, { skip: "missing" in etcd ? etcd.missing : false }, () => {
    const programs = "found" in etcd ? etcd.found : undefined;
    const directory = temporaryDir("bbolt-etcd");
    let server: Server | undefined;
    after(() => server?.stop());

    test("is read, changed and compacted by us, and served by etcd with all that it had", async () => {
      server = await Server.start({ command: [programs!.etcd] });
      const client = new Etcd(server.endpoint);
      for (let i = 0; i < 300; i++)
        await client.put({ key: `key-${i % 200}`, value: Buffer.alloc(i * 7, i) });
      await client.put({ key: "large", value: Buffer.alloc(1_000_000, 1) });
      await client.deleteRange({ key: "key-1", range_end: "key-12" });
      const wanted = await client.range(ALL);
      client.close();
      await server.stop();

      const file = path.join(server.dataDir, "member/snap/db");
      const before = statusOf(file);
      await rewrite(file);
      assert.deepEqual({ ...statusOf(file), totalSize: 0 }, { ...before, totalSize: 0 });
      const compacted = path.join(directory, "compacted");
      await copyCompacted(file, compacted);
      const after = statusOf(compacted);
      assert.deepEqual({ ...after, totalSize: 0 }, { ...before, totalSize: 0 });
      assert.ok(after.totalSize <= before.totalSize, `${after.totalSize} of ${before.totalSize} bytes`);
      copyFileSync(file, path.join(directory, "rewritten"));

      for (const candidate of [compacted, path.join(directory, "rewritten")]) {
        renameSync(candidate, file);
        await server.start();
        const again = new Etcd(server.endpoint);
        const got = await again.range(ALL);
        assert.deepEqual(got.kvs, wanted.kvs);
        assert.equal(got.header!.revision, wanted.header!.revision);
        again.close();
        await server.stop();
      }
    });

    function statusOf(file: string) {
      const args = ["snapshot", "status", file, "--write-out", "json"];
      const { status, stdout, stderr } = spawnSync(programs!.etcdutl, args, {
        encoding: "utf8",
        timeout: 60_000,
      });
      assert.equal(status, 0, stderr);
      return JSON.parse(stdout) as { hash: number; totalKey: number; totalSize: number };
    }
  });
}

/** Removes half of all values and puts them again: every page is written anew, and what is in them is the same. */
async function rewrite(file: string): Promise<void> {
  const database = await Database.open(file);
  assert.deepEqual((await database.check()).faults, []);
  const removed: [bucket: Uint8Array, key: Uint8Array, value: Uint8Array][] = [];
  const first = database.beginWrite();
  const buckets = first.cursor();
  while (buckets.next()) {
    const name = buckets.key.slice();
    const bucket = first.bucket(name)!;
    const cursor = bucket.cursor();
    for (let i = 0; cursor.next(); i++) {
      if (i % 2 === 1) continue;
      removed.push([name, cursor.key.slice(), cursor.value!.slice()]);
      cursor.delete();
    }
  }
  await first.commit();
  assert.ok(removed.length > 100, `${removed.length} values`);
  const second = database.beginWrite();
  for (const [name, key, value] of removed) second.bucket(name)!.put(key, value);
  await second.commit();
  assert.deepEqual((await database.check()).faults, []);
  await database.close();
}

async function copyCompacted(from: string, to: string): Promise<void> {
  const source = await Database.open(from, { readOnly: true });
  const target = await Database.open(to);
  using tx = source.beginRead();
  await compact(tx, target);
  await target.close();
  tx.end();
  await source.close();
}
