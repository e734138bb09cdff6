/**
 * Our etcdutl beside Go's: the same command lines, each program in a folder of its own that begins with the same files of a
 * real etcd. Output, errors and exit codes are compared byte for byte, but for how usage is explained; of what is logged, what
 * scripts look for. So are the directories that come of it, and a real etcd and a member of ours start on those.
 * A fresh seed chooses some of the scenarios; behind `--`: `--all` runs all, `--only NAME,NAME` some by name, `--lines N` as many
 * as have so many lines (50).
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { before, describe, test } from "node:test";
import { OLD_ETCD_VERSION, realEtcd } from "@quorate/testkit/etcd";
import { Etcd } from "@quorate/testkit/grpc";
import { Server, temporaryDir } from "@quorate/testkit/process";
import { repositoryRoot } from "@quorate/testkit/target";
import { chosenScenarios } from "../etcdctl/chosen.ts";
import { directoryContent } from "./directory-content.ts";
import { SCENARIOS } from "./scenarios.ts";

const { scenarios, what } = chosenScenarios(SCENARIOS, ({ lines }) => lines.length, 50);
const releases = { newest: realEtcd(), old: realEtcd(undefined, OLD_ETCD_VERSION) };
const missing = Object.values(releases).flatMap((etcd) => ("missing" in etcd ? [etcd.missing] : []))[0];
const ours = path.join(repositoryRoot, "bin/etcdutl");
const ALL = { key: Buffer.of(0), range_end: Buffer.of(0) };
/** Far more than anything takes, on a machine that does many other things as well. */
const LONGEST_MS = 180_000;

describe(`etcdutl, ${what}, compared with Go's`, { skip: missing ?? false }, () => {
  const programs =
    "found" in releases.newest ? releases.newest.found : { etcd: "", etcdctl: "", etcdutl: "" };
  const original = temporaryDir("etcdutl");

  before(async () => {
    await makeData(programs.etcd, path.join(original, "data"), (server) => {
      const snapshot = path.join(original, "snap.db");
      execFileSync(programs.etcdctl, ["--endpoints", server.endpoint, "snapshot", "save", snapshot], {
        timeout: LONGEST_MS,
        stdio: "ignore",
      });
    });
    copyFileSync(path.join(original, "data/member/snap/db"), path.join(original, "plain.db"));
    const old = "found" in releases.old ? releases.old.found.etcd : "";
    await makeData(old, path.join(original, "old"), () => {});
  });

  for (const { name, lines, directories = [], startable } of scenarios) {
    test(name, { timeout: 600_000 }, async (t) => {
      const folders = { theirs: copyOf(original), ours: copyOf(original) };
      for (const line of lines) {
        const want = run(programs.etcdutl, line, folders.theirs);
        const got = run(ours, line, folders.ours);
        // A test of its own, so that one difference hides no other.
        await t.test(`etcdutl ${line}`, () => assert.deepEqual(got, want));
      }
      for (const directory of directories) {
        await t.test(`${directory} is the same`, async () => {
          const want = await directoryContent(path.join(folders.theirs, directory));
          assert.deepEqual(await directoryContent(path.join(folders.ours, directory)), want);
        });
      }
      if (startable !== undefined) {
        await t.test("a real etcd and a member of ours start on it", async () => {
          const want = await served(programs.etcd, path.join(folders.theirs, startable));
          const again = copyOf(folders.ours);
          assert.deepEqual(await served(programs.etcd, path.join(folders.ours, startable)), want);
          assert.deepEqual(
            await served(path.join(repositoryRoot, "bin/etcd"), path.join(again, startable)),
            want,
          );
        });
      }
      for (const folder of Object.values(folders)) rmSync(folder, { recursive: true });
    });
  }

  test("what only reads leaves a snapshot as it is", () => {
    const folder = copyOf(original);
    const snapshot = readFileSync(path.join(original, "snap.db"));
    for (const line of ["snapshot status snap.db", "hashkv snap.db", "snapshot restore snap.db"]) {
      assert.equal(run(ours, line, folder).code, 0, line);
      assert.ok(readFileSync(path.join(folder, "snap.db")).equals(snapshot), line);
    }
  });

  for (const shell of ["bash", "zsh", "fish", "pwsh"]) {
    const isThere = spawnSync(shell, ["--version"], { timeout: LONGEST_MS }).status === 0;
    test(`${shell} reads the completion`, { skip: isThere ? false : `there is no ${shell}` }, () => {
      const { stdout } = run(ours, `completion ${shell === "pwsh" ? "powershell" : shell}`, original);
      const args = shell === "zsh" ? ["-c", `autoload -U compinit; compinit -D\n${stdout}`] : ["-c", stdout];
      const { status, stderr } = spawnSync(shell, args, { encoding: "utf8", timeout: LONGEST_MS });
      assert.deepEqual([status, stderr], [0, ""]);
    });
  }
});

/** A member's data: deletions, leases, users, values of all sizes, a compaction, and a log behind a snapshot. */
async function makeData(
  etcd: string,
  dataDir: string,
  whileRunning: (server: Server) => void,
): Promise<void> {
  const server = await Server.start({
    command: [etcd],
    name: "default",
    dataDir,
    args: ["--snapshot-count", "500"],
  });
  const client = new Etcd(server.endpoint);
  try {
    const lease = await client.leaseGrant({ TTL: 100_000, ID: 0x7acd_a201n });
    for (let i = 0; i < 700; i++) {
      const value = Buffer.alloc(i % 300, i);
      await client.put({ key: `key-${i % 200}`, value, lease: i % 50 === 0 ? lease.ID : 0n });
    }
    await client.deleteRange({ key: "key-1", range_end: "key-12" });
    await client.compact({ revision: 701n, physical: true });
    await client.put({ key: "huge", value: Buffer.alloc(1 << 20, 7) });
    for (let i = 0; i < 200; i++) await client.put({ key: `more-${i}`, value: "x" });
    whileRunning(server);
  } finally {
    client.close();
    await server.stop();
  }
}

/** What a member that is started on a directory says of its keys and its cluster. */
async function served(etcd: string, dataDir: string) {
  const server = await Server.start({ command: [etcd], name: "default", dataDir, startTimeoutMs: 120_000 });
  const client = new Etcd(server.endpoint);
  try {
    const { kvs, header } = await client.range(ALL);
    const { members } = await client.memberList({});
    return {
      kvs,
      revision: header!.revision,
      ids: [header!.cluster_id, header!.member_id],
      members: members.map(({ ID, name }) => ({ ID, name })),
      next: (await client.put({ key: "next", value: "" })).header!.revision,
    };
  } finally {
    client.close();
    await server.stop();
  }
}

function copyOf(folder: string): string {
  const copy = path.join(temporaryDir("etcdutl"), "copy");
  mkdirSync(copy);
  // Logs are mostly holes.
  execFileSync("cp", ["-a", "--sparse=always", `${folder}/.`, copy], { timeout: LONGEST_MS });
  return copy;
}

function run(program: string, line: string, folder: string) {
  const words = line.split(" ").filter((word) => word !== "");
  const { PATH, HOME, TMPDIR } = process.env;
  const { status, stdout, stderr } = spawnSync(program, words, {
    cwd: folder,
    env: { PATH, HOME, TMPDIR },
    encoding: "utf8",
    timeout: LONGEST_MS,
    maxBuffer: 64 << 20,
  });
  return { code: status, stdout: withoutUsage(stdout), stderr: withoutUsage(logged(stderr)) };
}

/** How a command is used is told in words of our own; which commands and flags there are has to be the same. */
function withoutUsage(text: string): string {
  return text.replace(/^Usage:\n[\s\S]*?(?=^Error: |$(?![\s\S]))/m, (usage) => {
    const names = [
      ...usage.matchAll(/^ {2}([a-z]\w+) {2,}|^ {2}(?:-\w, | {4})(--[\w-]+(?: \w+)?)(?= {2,})/gm),
    ];
    const shown = names.map(([, command, flag]) => command ?? flag!);
    return `Usage: ${shown.join(" ")}\n`;
  });
}

/** What scripts look for in what is logged; of a defragmentation no sizes, and of a restore no member that it would not be. */
const LOGGED =
  /^(added member|storage version up-to-date|updated storage version|forcefully|finished defragmenting)/;

function logged(stderr: string): string {
  const lines: string[] = [];
  let isOfLog = false;
  for (const line of stderr.split("\n")) {
    const [time, , , message, fields = ""] = line.split("\t");
    if (/^\d{4}-\d\d-\d\dT[\d:]+Z?/.test(time!)) {
      isOfLog = true;
      if (!LOGGED.test(message!)) continue;
      const shown = message!.startsWith("finished") ? "" : fields.replace(/"local-member-id": "\w+", /, "");
      lines.push(`${message}\t${shown}`);
    } else if (line.startsWith("Error: ") || !isOfLog) {
      isOfLog = false;
      lines.push(line);
    }
  }
  const members = lines.filter((line) => line.startsWith("added member")).sort();
  return [...members, ...lines.filter((line) => !line.startsWith("added member") && line !== "")].join("\n");
}
