import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { Database } from "@quorate/bbolt";
import { EntryType } from "@quorate/raft";
import { RealDisk } from "@quorate/storage/seams/real-disk";
import { Wal } from "@quorate/storage/wal/wal";
import { encodeInternalRequest, InternalField } from "@quorate/wire/hot";
import { etcdutl, makeDatabase, scratchDirectory } from "../testing.ts";

interface Directory {
  readonly storageVersion: string;
  /** Versions that the cluster has tried out, in its log. */
  readonly triedOut?: readonly string[];
}

async function makeDirectory(directory: string, { storageVersion, triedOut = [] }: Directory): Promise<void> {
  mkdirSync(path.join(directory, "member/snap"), { recursive: true });
  await makeDatabase(path.join(directory, "member/snap/db"), { storageVersion });
  const wal = await Wal.create(new RealDisk(), path.join(directory, "member/wal"), {
    nodeId: 1n,
    clusterId: 2n,
  });
  const entries = triedOut.map((version, i) => ({
    type: EntryType.EntryNormal,
    term: 1,
    index: i + 1,
    data: encodeInternalRequest(
      InternalField.downgradeVersionTest,
      Buffer.concat([Buffer.of(0x0a, version.length), Buffer.from(version)]),
      7n,
      "",
      0,
    ),
  }));
  wal.save({ term: 1, vote: 1n, commit: entries.length }, entries);
  await wal.close();
}

async function versionOf(directory: string): Promise<string> {
  await using database = await Database.open(path.join(directory, "member/snap/db"), { readOnly: true });
  const stored = database.latest.bucket("meta")!.get(Buffer.from("storageVersion"));
  return stored === undefined ? "" : Buffer.from(stored).toString();
}

const cases: readonly (Directory & {
  readonly target: string;
  readonly force?: boolean;
  readonly code?: number;
  /** What is told, but for the times. */
  readonly told: readonly string[];
  readonly after: string;
})[] = [
  {
    storageVersion: "3.7.0",
    target: "3.7",
    told: ['storage version up-to-date\t{"storage-version": "3.7"}'],
    after: "3.7.0",
  },
  {
    storageVersion: "3.7.0",
    target: "3.6",
    told: ['updated storage version\t{"new-storage-version": "3.6.0"}'],
    after: "3.6.0",
  },
  {
    storageVersion: "3.7.0",
    target: "3.5",
    told: [
      'updated storage version\t{"new-storage-version": "3.6.0"}',
      'updated storage version\t{"new-storage-version": "3.5.0"}',
    ],
    after: "",
  },
  {
    storageVersion: "",
    target: "3.5",
    told: ['storage version up-to-date\t{"storage-version": "3.5"}'],
    after: "",
  },
  {
    storageVersion: "",
    target: "3.6",
    told: ['updated storage version\t{"new-storage-version": "3.6.0"}'],
    after: "3.6.0",
  },
  {
    storageVersion: "3.7.0",
    triedOut: ["3.7.0"],
    target: "3.6",
    code: 1,
    told: [
      "cannot downgrade storage, WAL contains newer entries, as the target version (3.6.0) is lower than the version " +
        "(3.7.0) detected from WAL logs",
    ],
    after: "3.7.0",
  },
  {
    storageVersion: "3.6.0",
    triedOut: ["3.5.0"],
    target: "3.5",
    code: 1,
    told: [
      "cannot downgrade storage, WAL contains newer entries, as the target version (3.5.0) is lower than the version " +
        "(3.6.0) detected from WAL logs",
    ],
    after: "3.6.0",
  },
  {
    storageVersion: "3.6.0",
    triedOut: ["3.7.0"],
    target: "3.7",
    told: ['updated storage version\t{"new-storage-version": "3.7.0"}'],
    after: "3.7.0",
  },
  {
    storageVersion: "3.7.0",
    target: "3.8",
    code: 1,
    told: ['cannot create migration plan: version "3.8.0" is not supported'],
    after: "3.7.0",
  },
  {
    storageVersion: "3.8.0",
    target: "3.7",
    code: 1,
    told: ['cannot create migration plan: version "3.8.0" is not supported'],
    after: "3.8.0",
  },
  {
    storageVersion: "3.7.0",
    target: "4.7",
    code: 1,
    told: ["cannot create migration plan: changing major storage version is not supported"],
    after: "3.7.0",
  },
  {
    storageVersion: "3.7.0",
    target: "3.8",
    force: true,
    told: [
      'normal migrate failed, trying with force\t{"error": "cannot create migration plan: version \\"3.8.0\\" is not supported"}',
      'forcefully set storage version\t{"storage-version": "3.8"}',
    ],
    after: "3.8.0",
  },
  {
    storageVersion: "3.8.0",
    target: "3.5",
    force: true,
    told: [
      'normal migrate failed, trying with force\t{"error": "cannot create migration plan: version \\"3.8.0\\" is not supported"}',
      "forcefully cleared storage version",
    ],
    after: "",
  },
];
for (const { target, force = false, code = 0, told, after, ...directory } of cases) {
  const { storageVersion, triedOut = [] } = directory;
  const from = `${storageVersion || "no version"}${triedOut.length > 0 ? `, having tried out ${triedOut}` : ""}`;
  test(`from ${from} to ${target}${force ? " by force" : ""}`, async (t) => {
    const folder = scratchDirectory(t);
    await makeDirectory(folder, directory);
    const line = ["migrate", "--data-dir", folder, "--target-version", target, ...(force ? ["--force"] : [])];
    const result = await etcdutl(...line);
    const lines = result.stderr.trimEnd().split("\n");
    const messages = lines.map((each) => each.replace(/^Error: |^\S+Z\t(info|warn)\tetcdutl\t/, ""));
    assert.deepEqual({ code: result.code, messages }, { code, messages: told });
    assert.equal(await versionOf(folder), after);
  });
}

const targets = [
  { target: "abc", error: 'wrong target version format, expected "X.Y", got "abc"' },
  { target: "3", error: 'wrong target version format, expected "X.Y", got "3"' },
  { target: "3.6.0", error: 'wrong target version format, expected "X.Y", got "3.6.0"' },
  { target: "3.a", error: 'failed to parse target version: strconv.ParseInt: parsing "a": invalid syntax' },
  { target: "3.", error: 'failed to parse target version: strconv.ParseInt: parsing "": invalid syntax' },
  { target: "3.6-rc", error: "failed to parse target version: 3.6 is not in dotted-tri format" },
  { target: "3.4", error: 'target version "3.4" not supported. Minimal "3.5"' },
];
for (const { target, error } of targets) {
  test(`${target} is no release to migrate to`, async () => {
    assert.deepEqual(await etcdutl("migrate", "--data-dir", "nope", "--target-version", target), {
      code: 128,
      stdout: "",
      stderr: `Error: ${error}\n`,
    });
  });
}

test("without a log nothing is migrated", async (t) => {
  const folder = scratchDirectory(t);
  mkdirSync(path.join(folder, "member/snap"), { recursive: true });
  await makeDatabase(path.join(folder, "member/snap/db"), { storageVersion: "3.7.0" });
  for (const force of [[], ["--force"]]) {
    const { code, stderr } = await etcdutl(
      "migrate",
      "--data-dir",
      folder,
      "--target-version",
      "3.6",
      ...force,
    );
    assert.equal(code, 1);
    assert.match(stderr, /^Error: failed to get the lastest snapshot: .*member\/wal/);
    assert.equal(await versionOf(folder), "3.7.0");
  }
});
