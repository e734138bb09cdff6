/** Backups of a cluster of processes in an S3 store, with everything in between failing once. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import {
  archiveEnd,
  type Chain,
  loadChains,
  type ObjectStore,
  openStore,
  readKeyFile,
} from "@quorate/backup";
import { Client, withPrefix } from "@quorate/client";
import { Server, temporaryDir } from "@quorate/testkit/process";
import { SeededRandom } from "@quorate/testkit/random";
import { freshSeed, replayCommand } from "@quorate/testkit/seed";
import { target } from "@quorate/testkit/target";
import { until } from "@quorate/testkit/wait";
import { BackupProcess, quorate, S3_ENVIRONMENT } from "./backup-process.ts";
import { noS3, type S3Kind, S3Server } from "./s3-server.ts";

const ALL = { key: "\0", rangeEnd: "\0" };
/** What a cluster and everything that it had may be lost with. */
const RPO_MS = 5_000;
/** More than one part of an upload. */
const LARGE_VALUES = 40;
const LARGE_BYTES = 300_000;

const seed = freshSeed();
const random = new SeededRandom(seed);
const folder = temporaryDir("backup");
const keyFile = path.join(folder, "key");
let s3: S3Server;
let members: Server[];
let client: Client;
let backup: BackupProcess;
let flags: string[];
let store: ObjectStore;

async function startCluster(names: readonly string[], dataDirs: readonly string[] = []): Promise<Server[]> {
  const args: string[] = [];
  const made = await Promise.all(
    names.map((name, i) =>
      Server.create({
        command: target().command,
        name,
        args,
        startTimeoutMs: 120_000,
        ...(dataDirs[i] !== undefined && { dataDir: dataDirs[i] }),
      }),
    ),
  );
  args.push("--initial-cluster", initialClusterOf(made), "--initial-cluster-token", names.join(""));
  return made;
}

const peerUrl = ({ peerPort }: Server) => `http://127.0.0.1:${peerPort}`;
const initialClusterOf = (servers: readonly Server[]) =>
  servers.map((server) => `${server.name}=${peerUrl(server)}`).join(",");
const clientOf = (servers: readonly Server[]) =>
  new Client({ endpoints: servers.map(({ endpoint }) => endpoint), requestTimeoutMs: 60_000 });
const startBackup = () =>
  BackupProcess.start([
    ...flags,
    "--endpoints",
    members.map(({ endpoint }) => endpoint).join(","),
    ...["--snapshot-interval", "1h", "--segment-bytes", "20000", "--work-dir", folder],
  ]);

/** Backups of a cluster of processes in a store of this kind. One call a process. */
export function testBackups(kind: S3Kind): void {
  const skip = noS3(kind) ?? false;
  const options = { timeout: 600_000, skip };
  before(async () => {
    if (skip !== false) return;
    console.log(`seed ${seed}: ${replayCommand(seed)}`);
    writeFileSync(keyFile, randomBytes(32).toString("base64"));
    s3 = await S3Server.start(kind);
    const where = `s3://${S3Server.bucket}/some/cluster`;
    flags = ["--store", where, "--s3-endpoint", s3.endpoint, "--key-file", keyFile];
    store = await openStore({
      store: where,
      s3Endpoint: s3.endpoint,
      s3Region: "",
      environment: S3_ENVIRONMENT,
    });
    members = await startCluster(["a", "b", "c"]);
    await Promise.all(members.map((member) => member.start()));
    client = clientOf(members);
    for (let i = 0; i < LARGE_VALUES; i++)
      await client.kv.put({ key: `large/${i}`, value: randomBytes(LARGE_BYTES) });
    backup = await startBackup();
  });
  after(async () => {
    if (skip !== false) return;
    client.close();
    await backup.stop("SIGKILL");
    await Promise.all(members.map((member) => member.kill()));
    await s3.kill();
  });

  test(
    "one second before a prefix was deleted is restored on a new cluster, as the model has it",
    options,
    async () => {
      const model = await change(200);
      const expected = (await client.kv.range({ ...ALL, revision: model })).kvs;
      const hash = (await client.maintenance.hashKv({ revision: model })).hash;
      await new Promise((resolve) => setTimeout(resolve, 2_500));
      const deletedMs = Date.now();
      const { header, deleted } = await client.kv.deleteRange(withPrefix("p/"));
      assert.ok(deleted > 0n);
      await reached(header!.revision);
      const restored = await startCluster(
        ["x", "y", "z"],
        ["x", "y", "z"].map((name) => path.join(folder, name)),
      );
      for (const server of restored) {
        const done = await quorate([
          ...["restore", ...flags, "--to-time", new Date(deletedMs - 1_000).toISOString()],
          ...[
            "--name",
            server.name,
            "--data-dir",
            server.dataDir,
            "--initial-cluster",
            initialClusterOf(restored),
          ],
          ...["--initial-cluster-token", "xyz", "--initial-advertise-peer-urls", peerUrl(server)],
        ]);
        assert.equal(done.code, 0, done.err);
      }
      await Promise.all(restored.map((server) => server.start()));
      try {
        await using other = clientOf(restored);
        const { kvs, header: found } = await other.kv.range(ALL);
        assert.equal(found!.revision, model);
        assert.deepEqual(kvs, expected);
        assert.equal((await other.maintenance.hashKv({ revision: model })).hash, hash);
        const leases = new Set(expected.map(({ lease }) => lease).filter((lease) => lease !== 0n));
        const there = new Set((await other.lease.list()).leases.map(({ ID }) => ID));
        assert.deepEqual(
          [...leases].filter((lease) => !there.has(lease)),
          [],
        );
      } finally {
        await Promise.all(restored.map((server) => server.kill()));
      }
    },
  );

  for (const { name, hurt } of faults) {
    test(
      `no change is archived later than 5 s after it was acknowledged, while ${name}`,
      options,
      async (t) => {
        const writers = members.map((_member, i) => clientOf([...members.slice(i), ...members.slice(0, i)]));
        const acknowledged: { revision: number; atMs: number }[] = [];
        let isWriting = true;
        const write = async (writer: Client) => {
          while (isWriting) {
            try {
              const { header } = await writer.kv.put(
                { key: "rpo", value: "x".repeat(100) },
                { timeoutMs: 1_000 },
              );
              acknowledged.push({ revision: Number(header!.revision), atMs: Date.now() });
            } catch {
              // Its outcome is not known: nobody was told that it happened.
            }
            await new Promise((resolve) => setTimeout(resolve, 50));
          }
        };
        const writing = writers.map(write);
        const key = readKeyFile(keyFile);
        let worstMs = 0;
        const look = async () => {
          const beforeMs = Date.now();
          const { revision } = await archiveEnd(store, (await loadChains(store)).at(-1)!, key);
          for (const waiting of acknowledged)
            if (waiting.revision > revision) worstMs = Math.max(worstMs, beforeMs - waiting.atMs);
        };
        const lookFor = async (ms: number) => {
          for (const until = Date.now() + ms; Date.now() < until; ) await look();
        };
        await lookFor(3_000);
        await hurt(lookFor);
        await lookFor(2_000);
        isWriting = false;
        await Promise.all(writing);
        for (const writer of writers) writer.close();
        t.diagnostic(
          `${acknowledged.length} changes; the oldest that a loss would have cost was ${worstMs} ms old`,
        );
        assert.ok(acknowledged.length > 50);
        assert.ok(worstMs < RPO_MS, `${worstMs} ms`);
        await reached(BigInt(Math.max(...acknowledged.map(({ revision }) => revision))));
      },
    );
  }

  test("a store that is down for a while costs nothing", options, async () => {
    await s3.kill();
    await change(60);
    await until(() => backup.text.includes("the store cannot be written to; changes wait in memory"));
    assert.ok(((await backup.metric("store_failures_total")) ?? 0) > 0);
    await s3.start();
    const last = await change(10);
    await reached(last);
    assert.equal(await backup.metric("gaps_total"), 0);
    const verified = await quorate(["backup", "verify", ...flags]);
    assert.equal(verified.code, 0, verified.out + verified.err);
  });

  test(
    "the process ends with its signal when all is in the store, and another one goes on",
    options,
    async () => {
      const last = await change(20);
      const { signal } = await backup.stop("SIGTERM");
      assert.equal(signal, "SIGTERM");
      assert.match(backup.text, /stopped; all that was archived is in the store/);
      backup = await startBackup();
      const more = await change(20);
      await reached(more > last ? more : last);
      assert.match(backup.text, /going on with the archive/);
      assert.equal((await loadChains(store)).length, 1);
    },
  );

  test(
    "a wrong key, and objects that are cut, changed or missing, are told of by their names",
    options,
    async () => {
      const wrong = path.join(folder, "wrong");
      writeFileSync(wrong, randomBytes(32));
      const data = path.join(folder, "never");
      const refused = await quorate(["restore", ...flags, "--key-file", wrong, "--data-dir", data]);
      assert.match(refused.err, /is encrypted with another key than that of --key-file/);
      const [chain] = await loadChains(store);
      const snapshot = chain!.snapshots[0]!.name;
      const segment = chain!.segments[1]!.name;
      const damages: { name: string; damage: (bytes: Buffer) => Buffer | undefined; error: RegExp }[] = [
        {
          name: snapshot,
          damage: (bytes) => bytes.subarray(0, bytes.length >> 1),
          error: /is damaged: it has been cut off/,
        },
        { name: segment, damage: (bytes) => bytes.subarray(0, -1), error: /is damaged: it has been cut off/ },
        { name: segment, damage: flipped, error: /is damaged: chunk \d+ is not what was written there/ },
        { name: segment, damage: () => undefined, error: /missing from the archive of chain/ },
      ];
      for (const { name, damage, error } of damages) {
        const whole = Buffer.concat(await Array.fromAsync(store.get(name)));
        const changed = damage(Buffer.from(whole));
        if (changed === undefined) await store.remove(name);
        else await store.put(name, once(changed));
        const failed = await quorate([
          "restore",
          ...flags,
          "--to-revision",
          `${lastOf(chain!)}`,
          "--data-dir",
          data,
        ]);
        assert.equal(failed.code, 1);
        assert.match(failed.err, error);
        await store.put(name, once(whole));
      }
      const verified = await quorate(["backup", "verify", ...flags]);
      assert.equal(verified.code, 0, verified.out + verified.err);
    },
  );

  if (kind === "versitygw")
    for (const { name, environment, where, error } of REFUSED)
      test(`a store that refuses is told of: ${name}`, options, async () => {
        const all = { ...S3_ENVIRONMENT, ...environment };
        const flagsThere = ["--store", where, "--s3-endpoint", s3.endpoint, "--key-file", keyFile];
        const refused = await quorate(["backup", "list", ...flagsThere], all);
        assert.equal(refused.code, 1);
        assert.match(refused.err, error);
        const data = path.join(folder, "refused");
        const restored = await quorate(["restore", ...flagsThere, "--data-dir", data], all);
        assert.equal(restored.code, 1);
        assert.match(restored.err, error);
      });
}

const IN_BUCKET = `s3://${S3Server.bucket}/some/cluster`;
const REFUSED: readonly {
  readonly name: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly where: string;
  readonly error: RegExp;
}[] = [
  {
    name: "the secret is another key's",
    environment: { AWS_SECRET_ACCESS_KEY: "wrong" },
    where: IN_BUCKET,
    error: /SignatureDoesNotMatch \(AWS_SECRET_ACCESS_KEY is not the secret of AWS_ACCESS_KEY_ID\)/,
  },
  {
    name: "nobody has this key",
    environment: { AWS_ACCESS_KEY_ID: "nobody" },
    where: IN_BUCKET,
    error: /there is no such bucket, or no such AWS_ACCESS_KEY_ID/,
  },
  {
    name: "it is in another region",
    environment: { AWS_REGION: "eu-west-1" },
    where: IN_BUCKET,
    error: /AuthorizationHeaderMalformed \(the store may be in another region than --s3-region\)/,
  },
  {
    name: "there is no such bucket",
    environment: {},
    where: "s3://nowhere/some/cluster",
    error: /s3:\/\/nowhere\/some\/cluster: there is no such bucket/,
  },
];

const faults: { name: string; hurt: (lookFor: (ms: number) => Promise<void>) => Promise<void> }[] = [
  {
    name: "the leader is killed",
    async hurt(lookFor) {
      const leader = await leaderOf(members);
      await leader.kill();
      await lookFor(8_000);
      await leader.start();
    },
  },
  {
    name: "one member after another stands still, whichever is watched",
    async hurt(lookFor) {
      for (const member of members) {
        member.pause();
        await lookFor(5_000);
        member.resume();
        await lookFor(2_000);
      }
    },
  },
];
/** Puts, deletions, leases and transactions; resolves to the last revision. */
async function change(count: number): Promise<bigint> {
  let last = 0n;
  for (let i = 0; i < count; i++) {
    const key = `${random.below(2) === 0 ? "p" : "q"}/${random.below(50)}`;
    const drawn = random.below(10);
    if (drawn === 0) last = (await client.kv.deleteRange({ key })).header!.revision;
    else if (drawn === 1) {
      const { ID: lease } = await client.lease.grant({ TTL: 3_600n });
      last = (await client.kv.put({ key, value: "leased", lease })).header!.revision;
    } else if (drawn === 2) {
      const ops = ["x", "y"].map((name) => ({ requestPut: { key: `t/${name}`, value: `${i}` } }));
      last = (await client.kv.txn({ success: ops })).header!.revision;
    } else last = (await client.kv.put({ key, value: "v".repeat(random.below(500)) })).header!.revision;
  }
  return last;
}

async function reached(revision: bigint): Promise<void> {
  await backup.reaches(revision);
}

async function leaderOf(servers: readonly Server[]): Promise<Server> {
  for (const server of servers) {
    await using one = clientOf([server]);
    const { leader, header } = await one.maintenance.status();
    if (leader === header!.memberId) return server;
  }
  throw new Error("nobody leads");
}

const lastOf = ({ segments }: Chain) => segments.at(-1)!.firstRevision;

function flipped(bytes: Buffer): Buffer {
  bytes[bytes.length >> 1]! ^= 1;
  return bytes;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield bytes;
}
