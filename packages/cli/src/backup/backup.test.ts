import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import {
  BackupMetrics,
  type BackupSettings,
  loadChains,
  openStore,
  readKeyFile,
  runBackup,
  serveMetrics,
} from "@quorate/backup";
import { Client, withPrefix } from "@quorate/client";
import { Member } from "@quorate/server";
import { until } from "@quorate/testkit/wait";
import { Output } from "../command-line/output.ts";
import { StandardInput } from "../command-line/stdin.ts";
import { checkSnapshot } from "./check-snapshot.ts";
import { executeBackup } from "./program.ts";

const TIMEOUT = { timeout: 240_000 };
const ALL = { key: "\0", rangeEnd: "\0" };

interface Context {
  after(clean: () => Promise<void> | void): void;
}

function scratch(t: Context): string {
  const folder = mkdtempSync(path.join(tmpdir(), "quorate-backup-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function startMember(t: Context, dataDir: string): Promise<{ member: Member; client: Client }> {
  const member = await Member.start({ dataDir });
  const client = new Client({ endpoints: member.clientUrls, requestTimeoutMs: 60_000 });
  t.after(async () => {
    client.close();
    await member.close();
  });
  return { member, client };
}

/** A process of backups, as far as it lies in this one. */
class Running {
  readonly metrics = new BackupMetrics(() => Date.now());
  readonly lines: string[] = [];
  readonly #stopping = new AbortController();
  readonly #ended: Promise<boolean>;

  constructor(
    settings: Pick<BackupSettings, "store" | "key" | "endpoints" | "workDir"> & Partial<BackupSettings>,
  ) {
    this.#ended = runBackup(
      {
        connect: async (endpoints) => new Client({ endpoints, requestTimeoutMs: 60_000 }),
        checkSnapshot,
        snapshotIntervalMs: 3_600_000,
        retention: { snapshots: 10, ageMs: 0 },
        limits: { flushMs: 50, segmentBytes: 2_000, segmentMs: 60_000, bufferBytes: 1 << 20 },
        log: (level, message, fields) =>
          void this.lines.push(`${level} ${message} ${JSON.stringify(fields)}`),
        metrics: this.metrics,
        now: () => Date.now(),
        ...settings,
      },
      this.#stopping.signal,
    );
    this.#ended.catch(() => {});
  }

  /** Resolves when the store has all of this revision, and a snapshot. */
  async reaches(revision: bigint): Promise<void> {
    const failed = this.#ended.then(
      () => true,
      () => true,
    );
    let hasEnded = false;
    void failed.then(() => {
      hasEnded = true;
    });
    await until(
      () =>
        hasEnded || (this.metrics.archive.storedRevision >= revision && this.metrics.newestVerifiedMs > 0),
    ).catch((error) => assert.fail(`${error}\n${this.lines.join("\n")}`));
    if (hasEnded) await this.#ended;
  }

  stop(): Promise<boolean> {
    this.#stopping.abort();
    return this.#ended;
  }

  get ended(): Promise<boolean> {
    return this.#ended;
  }
}

async function quorate(...words: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const written = { 1: "", 2: "" };
  const output = new Output((descriptor, bytes) => {
    written[descriptor] += bytes.toString();
  });
  const input = new StandardInput(async function* () {});
  const code = await executeBackup(words, { environment: {}, input, output });
  return { code, out: written[1], err: written[2] };
}

const keysOf = async (client: Client, revision = 0n) => (await client.kv.range({ ...ALL, revision })).kvs;

const openDirectory = (store: string) => openStore({ store, s3Endpoint: "", s3Region: "", environment: {} });

/** Changes of all kinds; resolves to the cluster's revision. */
async function change(client: Client, count: number): Promise<bigint> {
  let revision = 0n;
  for (let i = 0; i < count; i++) {
    const key = `k/${i % 7}`;
    if (i % 5 === 4) {
      const { header } = await client.kv.deleteRange(withPrefix("k/3"));
      revision = header!.revision;
    } else if (i % 5 === 3) {
      const ops = ["a", "b", "c"].map((name) => ({ requestPut: { key: `t/${name}`, value: `${i}` } }));
      const { header } = await client.kv.txn({
        success: [...ops, { requestDeleteRange: withPrefix("k/1") }],
      });
      revision = header!.revision;
    } else {
      const { header } = await client.kv.put({ key, value: `${i}`.repeat(i) });
      revision = header!.revision;
    }
  }
  return revision;
}

for (const encrypted of [false, true]) {
  const how = encrypted ? "encrypted" : "plain";
  test(`every revision of a ${how} backup is restored as it was`, TIMEOUT, async (t) => {
    const folder = scratch(t);
    const { member, client } = await startMember(t, path.join(folder, "data"));
    await change(client, 9);
    const keyFile = path.join(folder, "key");
    writeFileSync(keyFile, Buffer.alloc(32, 7).toString("base64"));
    const where = path.join(folder, "store");
    const store = await openDirectory(where);
    const key = encrypted ? readKeyFile(keyFile) : undefined;
    const running = new Running({ store, key, endpoints: member.clientUrls, workDir: folder });
    await running.reaches(1n);
    const first = Number((await client.kv.get("k/0"))!.modRevision);
    const { ID: lease } = await client.lease.grant({ TTL: 600n, ID: 77n });
    await client.kv.put({ key: "leased", value: "x", lease });
    const last = await change(client, 40);
    await running.reaches(last);
    assert.equal(await running.stop(), true);
    assert.ok(
      running.lines.every((line) => line.startsWith("info")),
      running.lines.join("\n"),
    );

    const flags = ["--store", where, ...(encrypted ? ["--key-file", keyFile] : [])];
    const base = Number((await loadChains(store))[0]!.snapshots[0]!.revision);
    assert.ok(base >= first);
    for (const revision of [BigInt(base), BigInt(base) + 1n, last - 7n, last]) {
      const data = path.join(folder, `restored-${revision}`);
      const done = await quorate("restore", ...flags, "--to-revision", `${revision}`, "--data-dir", data);
      assert.equal(done.code, 0, done.err);
      const restored = await startMember(t, data);
      assert.deepEqual(await keysOf(restored.client), await keysOf(client, revision));
      const hashes = await Promise.all(
        [client, restored.client].map((each) => each.maintenance.hashKv({ revision })),
      );
      assert.equal(hashes[1]!.hash, hashes[0]!.hash, `HashKV of revision ${revision}`);
      const isThere = (await restored.client.kv.get("leased")) !== undefined;
      const { grantedTTL, keys } = await restored.client.lease.timeToLive({ ID: 77n, keys: true });
      if (isThere)
        assert.deepEqual([grantedTTL, keys.map((each) => Buffer.from(each).toString())], [600n, ["leased"]]);
    }

    const verified = await quorate("backup", "verify", ...flags);
    assert.deepEqual([verified.code, verified.out.match(/^ok /gm)?.length], [0, 2], verified.out);
    const listed = await quorate("backup", "list", ...flags, "-w", "json");
    const [told] = JSON.parse(listed.out);
    assert.equal(BigInt(told.end.revision), last);
    if (encrypted) {
      const plain = await quorate("restore", "--store", where, "--data-dir", path.join(folder, "no"));
      assert.match(plain.err, /^Error: .* is encrypted: --key-file has to name its key\n$/);
      writeFileSync(keyFile, Buffer.alloc(32, 8).toString("hex"));
      const wrong = await quorate("backup", "verify", ...flags);
      assert.match(wrong.err, /is encrypted with another key than that of --key-file/);
      const going = new Running({
        store,
        key: readKeyFile(keyFile),
        endpoints: member.clientUrls,
        workDir: folder,
      });
      await assert.rejects(going.ended, { code: "KEY" });
    }
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.endsWith(".db")),
      [],
    );
  });
}

test(
  "a process that begins again goes on where the archive ends, and a time is found in it",
  TIMEOUT,
  async (t) => {
    const folder = scratch(t);
    const { member, client } = await startMember(t, path.join(folder, "data"));
    const where = path.join(folder, "store");
    const store = await openDirectory(where);
    const settings = { store, key: undefined, endpoints: member.clientUrls, workDir: folder };
    const before = new Running(settings);
    await client.kv.put({ key: "p/1", value: "a" });
    const { header } = await client.kv.put({ key: "p/2", value: "b" });
    await before.reaches(header!.revision);
    await before.stop();
    // Nobody archives this while it happens.
    const between = await change(client, 20);
    const again = new Running(settings);
    await again.reaches(between);
    assert.ok(again.lines.some((line) => line.includes("going on with the archive")));
    const timeMs = Date.now();
    await until(() => Date.now() > timeMs + 5);
    await client.kv.deleteRange(withPrefix("p/"));
    const gone = await change(client, 3);
    await again.reaches(gone);
    await again.stop();
    assert.equal((await loadChains(store)).length, 1);
    const data = path.join(folder, "restored");
    const time = new Date(timeMs).toISOString();
    const done = await quorate("restore", "--store", where, "--to-time", time, "--data-dir", data);
    assert.equal(done.code, 0, done.err);
    const restored = await startMember(t, data);
    assert.deepEqual(await keysOf(restored.client), await keysOf(client, between));
    const late = new Date(Date.now() + 3_600_000).toISOString();
    const refused = await quorate("restore", "--store", where, "--to-time", late, "--data-dir", `${data}2`);
    assert.match(
      refused.err,
      /^Error: .* is not archived: chain .* goes to revision \d+, and is known to be all until /,
    );
    assert.equal(refused.code, 1);
  },
);

test(
  "a compaction that passes the archive is a gap: a new chain begins, and the gap is told",
  TIMEOUT,
  async (t) => {
    const folder = scratch(t);
    const { member, client } = await startMember(t, path.join(folder, "data"));
    const where = path.join(folder, "store");
    const store = await openDirectory(where);
    const settings = { store, key: undefined, endpoints: member.clientUrls, workDir: folder };
    const before = new Running(settings);
    const archived = await change(client, 5);
    await before.reaches(archived);
    await before.stop();
    const compacted = await change(client, 20);
    await client.kv.compact({ revision: compacted });
    const again = new Running(settings);
    await until(() => again.lines.some((line) => /^error the archive has a gap/.test(line)));
    const last = await change(client, 5);
    const stored = async () => (await loadChains(store)).filter(({ snapshots }) => snapshots.length > 0);
    await until(async () => (await stored()).length === 2);
    await again.reaches(last);
    await again.stop();
    assert.match(await again.metrics.registry.metrics(), /^quorate_backup_gaps_total 1$/m);
    assert.equal((await loadChains(store)).length, 2);
    const missing = await quorate(
      "restore",
      "--store",
      where,
      "--to-revision",
      `${archived + 2n}`,
      "--data-dir",
      `${folder}/a`,
    );
    assert.match(missing.err, /^Error: revision \d+ is not archived: chain /);
    for (const [revision, count] of [
      [archived, "old"],
      [last, "new"],
    ] as const) {
      const data = path.join(folder, count);
      const done = await quorate(
        "restore",
        "--store",
        where,
        "--to-revision",
        `${revision}`,
        "--data-dir",
        data,
      );
      assert.equal(done.code, 0, done.err);
      const restored = await startMember(t, data);
      assert.equal((await restored.client.kv.range({ ...ALL, countOnly: true })).header!.revision, revision);
    }
  },
);

test("with users it is root who makes backups, and users are restored as well", TIMEOUT, async (t) => {
  const folder = scratch(t);
  const { member, client } = await startMember(t, path.join(folder, "data"));
  await client.auth.addUser({ name: "root", password: "secret" });
  await client.auth.grantRole({ user: "root", role: "root" });
  await client.auth.enable();
  const credentials = { user: "root", password: "secret" };
  const asRoot = (endpoints: readonly string[]) =>
    new Client({ endpoints, credentials, requestTimeoutMs: 60_000 });
  const store = await openDirectory(path.join(folder, "store"));
  const running = new Running({
    store,
    key: undefined,
    endpoints: member.clientUrls,
    workDir: folder,
    connect: async (endpoints) => asRoot(endpoints),
  });
  await using root = asRoot(member.clientUrls);
  const { header } = await root.kv.put({ key: "k", value: "x" });
  await running.reaches(header!.revision);
  await running.stop();
  const data = path.join(folder, "restored");
  assert.equal((await quorate("restore", "--store", store.where, "--data-dir", data)).code, 0);
  const restored = await startMember(t, data);
  await assert.rejects(keysOf(restored.client), /user name is empty/);
  await using rootThere = asRoot(restored.member.clientUrls);
  assert.deepEqual(await keysOf(rootThere), await keysOf(root));
});

test("a cluster of the same ID with another history begins a chain of its own", TIMEOUT, async (t) => {
  const folder = scratch(t);
  const initial = { name: "m", initialClusterToken: "same", dataDir: path.join(folder, "one") };
  const store = await openDirectory(path.join(folder, "store"));
  const settings = { store, key: undefined, workDir: folder };
  for (const [i, value] of ["one", "two"].entries()) {
    const member = await Member.start({ ...initial, dataDir: path.join(folder, value) });
    const client = new Client({ endpoints: member.clientUrls, requestTimeoutMs: 60_000 });
    const running = new Running({ ...settings, endpoints: member.clientUrls });
    await running.reaches(1n);
    for (let put = 0; put < 10; put++) await client.kv.put({ key: "k", value });
    await running.reaches(11n);
    await running.stop();
    client.close();
    await member.close();
    const chains = await loadChains(store);
    assert.equal(new Set(chains.map(({ cluster }) => cluster)).size, 1);
    assert.equal(chains.length, i + 1, running.lines.join("\n"));
  }
});

test("a store whose last revision was compacted away is backed up as well", TIMEOUT, async (t) => {
  const folder = scratch(t);
  const { member, client } = await startMember(t, path.join(folder, "data"));
  const store = await openDirectory(path.join(folder, "store"));
  await client.kv.put({ key: "k", value: "x" });
  const { header } = await client.kv.deleteRange({ key: "k" });
  await client.kv.compact({ revision: header!.revision, physical: true });
  const running = new Running({ store, key: undefined, endpoints: member.clientUrls, workDir: folder });
  await running.reaches(header!.revision);
  const put = await client.kv.put({ key: "k", value: "y" });
  await running.reaches(put.header!.revision);
  await running.stop();
  assert.match(await running.metrics.registry.metrics(), /^quorate_backup_gaps_total 0$/m);
  const data = path.join(folder, "restored");
  assert.equal((await quorate("restore", "--store", store.where, "--data-dir", data)).code, 0);
  const restored = await startMember(t, data);
  assert.deepEqual(await keysOf(restored.client), await keysOf(client));
});

test(
  "what is damaged or missing is named, and nothing is left of a restore that fails",
  TIMEOUT,
  async (t) => {
    const folder = scratch(t);
    const { member, client } = await startMember(t, path.join(folder, "data"));
    const where = path.join(folder, "store");
    const store = await openDirectory(where);
    const running = new Running({ store, key: undefined, endpoints: member.clientUrls, workDir: folder });
    await running.reaches(1n);
    const last = await change(client, 60);
    await running.reaches(last);
    await running.stop();
    const [chain] = await loadChains(store);
    const [snapshot, ...segments] = [chain!.snapshots[0]!, ...chain!.segments];
    assert.ok(segments.length > 2);
    const damages = [
      {
        name: snapshot.name,
        damage: (bytes: Buffer) => bytes.subarray(0, -100),
        error: /snapshot-\S+ is damaged: it has been cut off/,
      },
      {
        name: segments[1]!.name,
        damage: flipped,
        error: /archive-\S+ is damaged: chunk 0 is not what was written there/,
      },
      {
        name: segments[1]!.name,
        damage: () => undefined,
        error: /revisions? [\d to]+ (is|are) missing from the archive/,
      },
    ];
    for (const { name, damage, error } of damages) {
      const file = path.join(where, name);
      const whole = readFileSync(file);
      const bytes = damage(Buffer.from(whole));
      if (bytes === undefined) rmSync(file);
      else writeFileSync(file, bytes);
      const data = path.join(folder, "restored");
      const failed = await quorate("restore", "--store", where, "--data-dir", data);
      assert.equal(failed.code, 1);
      assert.match(failed.err.trimEnd().split("\n").at(-1)!, error);
      assert.deepEqual(
        readdirSync(folder).filter((each) => each.startsWith("restored")),
        [],
      );
      const verified = await quorate("backup", "verify", "--store", where);
      assert.equal(verified.code, 1);
      assert.match(verified.out, /^fault {2}/m);
      assert.match(verified.out, error);
      writeFileSync(file, whole);
    }
    assert.equal((await quorate("backup", "verify", "--store", where)).code, 0);
  },
);

function flipped(bytes: Buffer): Buffer {
  bytes[bytes.length >> 1]! ^= 4;
  return bytes;
}

test("snapshots are taken on schedule, pruned, and their age is told over HTTP", TIMEOUT, async (t) => {
  const folder = scratch(t);
  const { member, client } = await startMember(t, path.join(folder, "data"));
  const store = await openDirectory(path.join(folder, "store"));
  const running = new Running({
    store,
    key: undefined,
    endpoints: member.clientUrls,
    workDir: folder,
    snapshotIntervalMs: 200,
    retention: { snapshots: 2, ageMs: 0 },
  });
  await using site = await serveMetrics("http://127.0.0.1:0", running.metrics);
  const ask = async (target: string) => (await fetch(`http://127.0.0.1:${site.port}${target}`)).text();
  assert.match(await ask("/metrics"), /^quorate_backup_newest_verified_age_seconds (\+Inf|Inf|\d)/m);
  let seen = 0;
  await until(async () => {
    await client.kv.put({ key: "k", value: `${seen++}` });
    return /^quorate_backup_snapshots_total\{result="verified"\} [5-9]/m.test(await ask("/metrics"));
  });
  assert.match(await ask("/metrics"), /^quorate_backup_newest_verified_age_seconds \d/m);
  assert.equal(await ask("/health"), '{"health":"true"}\n');
  await running.stop();
  const [chain] = await loadChains(store);
  assert.ok(chain!.snapshots.length <= 3, `${chain!.snapshots.length}`);
  const pruned = await quorate(
    "backup",
    "prune",
    "--store",
    store.where,
    "--keep-snapshots",
    "1",
    "--keep-for",
    "0s",
  );
  assert.equal(pruned.code, 0, pruned.err);
  assert.equal((await loadChains(store))[0]!.snapshots.length, 1);
});

const refused: { words: string[]; error: RegExp }[] = [
  { words: ["backup", "list"], error: /required flag\(s\) "store" not set/ },
  {
    words: ["backup", "run", "--store", "x", "--flush-interval", "3s"],
    error: /--flush-interval: from 10ms to 2s/,
  },
  { words: ["backup", "run", "--store", "x", "--log-format", "xml"], error: /neither json nor console/ },
  { words: ["backup", "run", "--store", "x", "--keep-snapshots", "0"], error: /at least 1 is kept/ },
  {
    words: ["backup", "verify", "--store", "/nowhere/at/all"],
    error: /there is no backup in \/nowhere\/at\/all/,
  },
  { words: ["backup", "verify", "--store", "/n", "--cluster-id", "xyz"], error: /xyz is no ID/ },
  { words: ["restore", "--store", "/n", "--to-time", "2026-11-30 18:00"], error: /no time with a zone/ },
  { words: ["restore", "--store", "/n", "--to-time", "now"], error: /no time with a zone/ },
  { words: ["restore", "--store", "/n", "--to-revision", "0"], error: /the first revision is 1/ },
  {
    words: ["restore", "--store", "/n", "--to-revision", "4", "--to-time", "x"],
    error: /exclude each other/,
  },
  { words: ["restore", "--store", "/n", "--bump-revision", "4"], error: /--mark-compacted required/ },
];
for (const { words, error } of refused) {
  test(`${words.join(" ")} is refused`, async () => {
    const { code, err } = await quorate(...words);
    assert.notEqual(code, 0);
    assert.match(err, error);
  });
}

for (const line of ["backup --help", "backup run --help", "restore --help"]) {
  test(`${line} tells how it is used`, async () => {
    const { code, out } = await quorate(...line.split(" "));
    assert.equal(code, 0);
    assert.match(out, new RegExp(`^Usage:\n  quorate ${line.replace(" --help", "")}`));
  });
}
