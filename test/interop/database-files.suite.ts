/**
 * Snapshot files exchanged with a real etcd, both ways: ours checked, restored and served by etcd's own programs,
 * theirs read and opened by us.
 */
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { crc32c } from "@node-rs/crc32";
import { Database } from "@quorate/bbolt";
import { realEtcd } from "@quorate/testkit/etcd";
import { Etcd } from "@quorate/testkit/grpc";
import { Server, temporaryDir } from "@quorate/testkit/process";
import { repositoryRoot } from "@quorate/testkit/target";
import { MvccStore } from "../../packages/server/src/mvcc/store.ts";
import { BboltBackend } from "../../packages/storage/src/database/bbolt-backend.ts";
import { realClock } from "../../packages/storage/src/seams/real-clock.ts";

const execFileAsync = promisify(execFile);
const OURS = path.join(repositoryRoot, "bin/etcd");
const SUM_BYTES = 32;
const ALARM_ACTIVATE = 1;
const ALARM_NOSPACE = 1;
const ALL = { key: Buffer.of(0), range_end: Buffer.of(0) };

const etcd = realEtcd();
const missing = "missing" in etcd ? etcd.missing : false;
const programs = "found" in etcd ? etcd.found : { etcd: "", etcdctl: "", etcdutl: "" };

function run(program: string, ...args: string[]) {
  const result = spawnSync(program, args, { encoding: "utf8", timeout: 60_000 });
  return { code: result.status, stdout: result.stdout, stderr: result.stderr };
}

function ok(program: string, ...args: string[]): string {
  const { code, stdout, stderr } = run(program, ...args);
  assert.equal(code, 0, `${path.basename(program)} ${args.join(" ")}: ${stderr}`);
  return stdout;
}

interface Status {
  readonly hash: number;
  readonly revision: number;
  readonly totalKey: number;
  readonly totalSize: number;
  readonly version: string;
}

const statusOf = (file: string): Status =>
  JSON.parse(ok(programs.etcdutl, "snapshot", "status", file, "--write-out", "json"));

/** What `etcdutl snapshot status` calls the hash: over the names of the buckets and all that is in them. */
async function hashOf(file: string): Promise<number> {
  await using database = await Database.open(file, { readOnly: true });
  let crc = 0;
  for (const buckets = database.latest.cursor(); buckets.next(); ) {
    crc = crc32c(buckets.key, crc);
    for (const entries = database.latest.bucket(buckets.key.slice())!.cursor(); entries.next(); ) {
      crc = crc32c(entries.key, crc);
      crc = crc32c(entries.value!, crc);
    }
  }
  return crc >>> 0;
}

/** What is wrong with a database file. */
async function faultsOf(file: string): Promise<string[]> {
  await using database = await Database.open(file, { readOnly: true });
  return (await database.check()).faults.map(({ message }) => message);
}

/** Everything that a database can have: deletions, leases, a compaction, values of all sizes. */
async function fill(client: Etcd): Promise<void> {
  const lease = await client.leaseGrant({ TTL: 10_000, ID: 0x7acd_a201n });
  await client.leaseGrant({ TTL: 20_000, ID: 0n });
  const puts = (count: number, value: (i: number) => Buffer) =>
    Promise.all(
      Array.from({ length: count }, (_, i) =>
        client.put({ key: `key-${i}`, value: value(i), lease: i % 10 === 0 ? lease.ID : 0n }),
      ),
    );
  await puts(3000, (i) => Buffer.alloc(i % 400, i));
  await client.deleteRange({ key: "key-1", range_end: "key-12" });
  const { header } = await client.put({ key: "key-1", value: "again" });
  await client.compact({ revision: header!.revision, physical: true });
  await puts(500, (i) => Buffer.from(`second ${i}`));
  await client.deleteRange({ key: "key-2", range_end: "key-25" });
  for (let i = 0; i < 20; i++) await client.put({ key: `large-${i}`, value: Buffer.alloc(10_000 + i, i) });
  for (let i = 0; i < 2; i++) await client.put({ key: `huge-${i}`, value: Buffer.alloc(1 << 20, i) });
}

async function stateOf(client: Etcd) {
  const { kvs, header } = await client.range(ALL);
  const { hash, compact_revision: compactRevision } = await client.hashKv({ revision: 0 });
  const leases = (await client.leaseLeases({})).leases.map(({ ID }) => ID).sort();
  return { kvs, revision: header!.revision, hash, compactRevision, leases };
}

describe("snapshot files", { skip: missing }, () => {
  const directory = temporaryDir("database-files");
  const file = (name: string): string => path.join(directory, name);
  const open = (databasePath: string) =>
    BboltBackend.open({
      path: databasePath,
      clock: realClock,
      onFatal: (error) => {
        throw error;
      },
    });

  describe("of ours", () => {
    const saved = file("ours.db");
    let server: Server;
    let client: Etcd;
    before(async () => {
      server = await Server.start({ command: [OURS] });
      client = new Etcd(server.endpoint);
      await fill(client);
      ok(programs.etcdctl, "--endpoints", server.endpoint, "snapshot", "save", saved);
    });
    after(async () => {
      client.close();
      await server.stop();
    });

    /** A real etcd on what etcdutl made of a file. */
    async function restored(...flags: string[]): Promise<Server> {
      const target = await Server.create({ command: [programs.etcd] });
      const peerUrl = `http://127.0.0.1:${target.peerPort}`;
      const cluster = [
        "--initial-cluster",
        `${target.name}=${peerUrl}`,
        "--initial-advertise-peer-urls",
        peerUrl,
      ];
      const where = ["--name", target.name, "--data-dir", target.dataDir];
      ok(programs.etcdutl, "snapshot", "restore", saved, ...where, ...cluster, ...flags);
      return target;
    }

    test("etcdutl finds them sound, and the same hash as we do", async () => {
      const bytes = readFileSync(saved);
      assert.equal(bytes.length % 512, SUM_BYTES);
      assert.deepEqual(await faultsOf(saved), []);
      const { hash, revision, totalKey, totalSize, version } = statusOf(saved);
      assert.equal(hash, await hashOf(saved));
      assert.equal(totalSize, bytes.length - SUM_BYTES);
      assert.equal(version, "3.7.0");
      assert.ok(revision > 3500 && totalKey > 2000);
    });

    test("a real etcd serves what was restored from them", async () => {
      const wanted = await stateOf(client);
      assert.equal(statusOf(saved).totalKey, wanted.kvs.length);
      const target = await restored();
      try {
        await target.start();
        const other = new Etcd(target.endpoint);
        assert.deepEqual(await stateOf(other), wanted);
        const remaining = await other.leaseTimeToLive({ ID: 0x7acd_a201n, keys: true });
        assert.ok(remaining.keys.length > 100);
        other.close();
      } finally {
        await target.stop();
      }
    });

    test("a restore with a revision bump is read by us as by etcd", async () => {
      const { revision } = statusOf(saved);
      const target = await restored("--bump-revision", "1000", "--mark-compacted");
      const database = path.join(target.dataDir, "member/snap/db");
      const copy = file("bumped/db");
      const before = await hashOf(database);
      mkdirSync(path.dirname(copy));
      copyFileSync(database, copy);
      const backend = await open(copy);
      const store = await MvccStore.open({ backend, clock: realClock });
      assert.equal(store.currentRevision, revision + 1000);
      assert.equal(store.compactRevision, revision + 1000);
      await store.close();
      await backend.close();
      assert.equal(await hashOf(copy), before);
      await target.start();
      const other = new Etcd(target.endpoint);
      assert.equal((await other.range(ALL)).kvs.length, (await client.range(ALL)).kvs.length);
      other.close();
      await target.stop();
    });

    test("damage to them is noticed", async () => {
      const bytes = readFileSync(saved);
      const damaged = file("damaged.db");
      const restore = () => {
        rmSync(file("refused"), { recursive: true, force: true });
        return run(programs.etcdutl, "snapshot", "restore", damaged, "--data-dir", file("refused"));
      };
      const flipped = Buffer.from(bytes);
      flipped[flipped.length >> 1]! ^= 1;
      writeFileSync(damaged, flipped);
      assert.match(restore().stderr, /expected sha256/);
      writeFileSync(damaged, bytes.subarray(0, -SUM_BYTES));
      assert.match(restore().stderr, /snapshot missing hash/);
      truncateSync(damaged, statSync(damaged).size - 4096);
      assert.notEqual(run(programs.etcdutl, "snapshot", "status", damaged).code, 0);
      await assert.rejects(faultsOf(damaged), /instead of \d+ pages/);
    });

    test("they are whole while writes go on", async () => {
      let writing = true;
      const writer = (async () => {
        for (let i = 0; writing; i++)
          await client.put({ key: `meanwhile-${i % 50}`, value: Buffer.alloc(i % 3000) });
      })();
      try {
        for (let i = 0; i < 3; i++) {
          const target = file(`meanwhile-${i}.db`);
          const { header } = await client.put({ key: "before", value: String(i) });
          const args = ["--endpoints", server.endpoint, "snapshot", "save", target];
          await execFileAsync(programs.etcdctl, args);
          const status = statusOf(target);
          assert.ok(status.revision >= header!.revision);
          assert.equal(status.hash, await hashOf(target));
        }
      } finally {
        writing = false;
        await writer;
      }
    });
  });

  describe("of etcd", () => {
    const saved = file("etcd.db");
    let server: Server;
    let client: Etcd;
    before(async () => {
      server = await Server.start({ command: [programs.etcd] });
      client = new Etcd(server.endpoint);
      await fill(client);
      const etcdctl = (...args: string[]) => ok(programs.etcdctl, "--endpoints", server.endpoint, ...args);
      etcdctl("user", "add", "root:secret");
      etcdctl("role", "add", "reader");
      etcdctl("role", "grant-permission", "reader", "read", "key-", "--prefix");
      etcdctl("user", "grant-role", "root", "reader");
      const { header } = await client.status({});
      await client.alarm({ action: ALARM_ACTIVATE, memberID: header!.member_id, alarm: ALARM_NOSPACE });
      etcdctl("snapshot", "save", saved);
    });
    after(async () => {
      client.close();
      await server.stop();
    });

    test("are sound to us, with the hash that etcdutl prints", async () => {
      assert.deepEqual(await faultsOf(saved), []);
      assert.equal(await hashOf(saved), statusOf(saved).hash);
    });

    test("keep everything when they become a database and are exported again", async () => {
      const database = file("adopted/db");
      mkdirSync(path.dirname(database));
      copyFileSync(saved, database);
      const backend = await open(database);
      const again = file("again.db");
      const exported = await backend.export();
      const bytes = Buffer.concat(await Array.fromAsync(exported.read()));
      writeFileSync(again, bytes);
      await exported.release();
      const [first, second] = [statusOf(saved), statusOf(again)];
      assert.deepEqual({ ...second, totalSize: 0 }, { ...first, totalSize: 0 });
      assert.equal(await hashOf(again), first.hash);

      const wanted = await client.hashKv({ revision: 0 });
      const store = await MvccStore.open({ backend, clock: realClock });
      const { hash, compactRevision, hashRevision } = await store.hashKv(0);
      assert.deepEqual(
        { hash, compactRevision, hashRevision },
        { hash: wanted.hash, compactRevision: wanted.compact_revision, hashRevision: wanted.hash_revision },
      );
      assert.equal(store.keyCount, (await client.range(ALL)).kvs.length);
      await store.close();
      await backend.close();
    });

    test("have the form of the database in its directory, which is opened as it is", async () => {
      await server.stop();
      const database = path.join(server.dataDir, "member/snap/db");
      const hash = await hashOf(database);
      const backend = await open(database);
      assert.ok(backend.consistentIndex > 3000);
      const exported = await backend.export();
      assert.equal(exported.consistentIndex, backend.consistentIndex);
      const copy = file("exported.db");
      writeFileSync(copy, Buffer.concat(await Array.fromAsync(exported.read())));
      assert.equal(await hashOf(copy), hash);
      await exported.release();
      await backend.close();
    });
  });
});
