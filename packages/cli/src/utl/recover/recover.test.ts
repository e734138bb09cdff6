import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import test, { type TestContext } from "node:test";
import { decodeConfChange } from "@quorate/raft";
import { RealDisk } from "@quorate/storage/seams/real-disk";
import { readWal } from "@quorate/storage/wal/recovery";
import { etcdutl, quorateUtl, quorateUtlTyping, scratchDirectory } from "../testing.ts";
import { FIRST_ENTRIES, type MadeMember, makeMember } from "./testing.ts";

const ABC = ["one", "two", "three"];

async function makeMembers(t: TestContext, members: Readonly<Record<string, MadeMember>>): Promise<string> {
  const folder = scratchDirectory(t);
  for (const [name, made] of Object.entries(members)) await makeMember(path.join(folder, name), made);
  return folder;
}

/** Everything below a folder, by path. */
function contentOf(folder: string): Map<string, Buffer> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
  return new Map(
    files.map((each) => path.join(each.parentPath, each.name)).map((file) => [file, readFileSync(file)]),
  );
}

const SURE = (present: number) =>
  `nothing that was acknowledged is lost, if disks have kept what they were given: logs of ${present} of 3 voters are here`;

const reports: {
  name: string;
  members: Readonly<Record<string, MadeMember>>;
  flags?: readonly string[];
  damage?: (folder: string) => void;
  says: readonly string[];
}[] = [
  {
    name: "of two members the one with more entries is the best, and two of three have all that was acknowledged",
    members: { a: { id: 1n, values: ABC.slice(0, 2) }, b: { id: 2n, values: ABC } },
    says: ["best: b, member 2 of cluster cdf818194e3a8c32", SURE(2)],
  },
  {
    name: "a later term counts more than more entries",
    members: {
      a: { id: 1n, values: ["one", "two"], lastTerms: [5] },
      b: { id: 2n, values: ABC, committed: 1, applied: 1 },
    },
    says: ["best: a, member 1 of cluster cdf818194e3a8c32"],
  },
  {
    name: "one of three may lack what the others have acknowledged",
    members: { a: { id: 1n, values: ABC } },
    says: [
      `what others have acknowledged behind entry ${FIRST_ENTRIES + 3} is lost, if there was anything: ` +
        "logs of 1 of 3 voters are here, and it takes 2 to be sure",
    ],
  },
  {
    name: "two copies of one member are one voter",
    members: { a: { id: 1n, values: ABC }, b: { id: 1n, values: ABC } },
    says: ["logs of 1 of 3 voters are here, and it takes 2 to be sure"],
  },
  {
    name: "a learner is no voter",
    members: { a: { id: 1n, values: ABC, learners: [3n] }, b: { id: 2n, values: ABC, learners: [3n] } },
    says: ["logs of 2 of 2 voters are here"],
  },
  {
    name: "entries that nobody knows to be committed are told",
    members: { a: { id: 1n, values: ABC, committed: 1, applied: 1 }, b: { id: 2n, values: ["one"] } },
    says: [`whether entries ${FIRST_ENTRIES + 2} to ${FIRST_ENTRIES + 3} were committed is not known: `],
  },
  {
    name: "what the database reflects was committed, whatever the log says",
    members: { a: { id: 1n, values: ABC, committed: 1 } },
    says: ["logs of 1 of 3 voters"],
  },
  {
    name: "a damaged database is told, and another's takes its place where the log goes on from it",
    members: { a: { id: 1n, values: ["one"] }, b: { id: 2n, values: ABC } },
    damage: (folder) =>
      writeFileSync(path.join(folder, "b/member/snap/db"), "no database at all".repeat(9_000)),
    says: [
      "b: database: ",
      "best: b, member 2 of cluster cdf818194e3a8c32, with the database a/member/snap/db",
    ],
  },
  {
    name: "a damaged log is told, and another member is the best",
    members: { a: { id: 1n, values: ["one"] }, b: { id: 2n, values: ABC } },
    damage: (folder) => flip(path.join(folder, "b/member/wal"), "two"),
    says: ["b: log: ", "best: a, member 1 of cluster cdf818194e3a8c32"],
  },
  {
    name: "different keys at one revision are a contradiction",
    members: {
      a: { id: 1n, values: ABC },
      b: { id: 2n, values: ABC, changes: [{ put: "k", value: "other" }] },
    },
    says: ["contradiction: a and b have different keys at revision 2"],
  },
  {
    name: "different committed entries are a contradiction",
    members: { a: { id: 1n, values: ABC }, b: { id: 2n, values: ABC, lastTerms: [3] } },
    says: ["contradiction: a has committed entry 7 of term 2, and b one of term 3"],
  },
  {
    name: "whoever says which is the best is believed",
    members: { a: { id: 1n, values: ["one"] }, b: { id: 2n, values: ABC } },
    flags: ["--best", "a/"],
    says: ["best: a, member 1 of cluster cdf818194e3a8c32"],
  },
];

for (const { name, members, flags = [], damage, says } of reports) {
  test(`a comparison: ${name}`, async (t) => {
    const folder = await makeMembers(t, members);
    damage?.(folder);
    const before = contentOf(folder);
    const { code, stdout, stderr } = await within(folder, () =>
      quorateUtl("recover", ...Object.keys(members), ...flags),
    );
    assert.deepEqual([code, stderr], [0, ""]);
    for (const line of says) assert.ok(stdout.includes(line), stdout);
    assert.deepEqual(contentOf(folder), before);
  });
}

function flip(walDir: string, text: string): void {
  const [segment] = readdirSync(walDir).filter((name) => name.endsWith(".wal"));
  const file = path.join(walDir, segment!);
  const bytes = readFileSync(file);
  bytes[bytes.indexOf(text)]! ^= 1;
  writeFileSync(file, bytes);
}

/** With paths that are short in what is told. */
async function within<T>(folder: string, run: () => Promise<T>): Promise<T> {
  const before = process.cwd();
  process.chdir(folder);
  try {
    return await run();
  } finally {
    process.chdir(before);
  }
}

async function logOf(dataDir: string) {
  const { content } = await readWal(new RealDisk(), path.join(dataDir, "member/wal"), { index: 0, term: 0 });
  return content;
}

test("a new cluster has the best's files, and a log in which the others are removed and all is committed", async (t) => {
  const folder = await makeMembers(t, {
    a: { id: 1n, values: ["one"] },
    b: { id: 2n, values: ABC, committed: 1, applied: 2 },
  });
  const before = contentOf(folder);
  const [a, b, made] = ["a", "b", "new"].map((name) => path.join(folder, name));
  const { code, stdout, stderr } = await quorateUtlTyping("2\n", "recover", a!, b!, "--data-dir", made!);
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /type 2 to make a new cluster of this member in .*new: .*start it as b, /s);
  assert.deepEqual(readdirSync(path.join(made!, "member")).sort(), ["snap", "wal"]);
  assert.ok(
    readFileSync(path.join(made!, "member/snap/db")).equals(readFileSync(path.join(b!, "member/snap/db"))),
  );
  const { entries, hardState, metadata } = await logOf(made!);
  assert.equal(metadata?.nodeId, 2n);
  const added = entries.slice(FIRST_ENTRIES + 3);
  assert.deepEqual(
    added.map(({ data }) => decodeConfChange(data).nodeId),
    [1n, 3n],
  );
  assert.deepEqual([hardState.term, hardState.commit], [2, FIRST_ENTRIES + 3 + 2]);
  rmSync(made!, { recursive: true });
  assert.deepEqual(contentOf(folder), before);
});

test("a learner that is left becomes a voter", async (t) => {
  const folder = await makeMembers(t, { c: { id: 3n, values: ABC, learners: [3n] } });
  const made = path.join(folder, "new");
  const { code } = await quorateUtl("recover", path.join(folder, "c"), "--data-dir", made, "--yes");
  assert.equal(code, 0);
  const changes = (await logOf(made)).entries
    .slice(FIRST_ENTRIES + 3)
    .map(({ data }) => decodeConfChange(data));
  assert.deepEqual(
    changes.map(({ nodeId }) => nodeId),
    [3n, 1n, 2n],
  );
  assert.match(Buffer.from(changes[0]!.context!).toString(), /"isPromote":true/);
});

test("a log elsewhere is found, and the new one is made elsewhere", async (t) => {
  const folder = await makeMembers(t, { a: { id: 1n, values: ABC } });
  const [a, log, made, newLog] = ["a", "log", "new", "newlog"].map((name) => path.join(folder, name));
  cpSync(path.join(a!, "member/wal"), log!, { recursive: true });
  rmSync(path.join(a!, "member/wal"), { recursive: true });
  const words = [`${a}=${log}`, "--data-dir", made!, "--wal-dir", newLog!, "--yes"];
  assert.equal((await quorateUtl("recover", ...words)).code, 0);
  assert.ok(existsSync(path.join(made!, "member/snap/db")));
  assert.equal(readdirSync(newLog!).length, 1);
});

test("a torn end of the log is left out", async (t) => {
  const folder = await makeMembers(t, { a: { id: 1n, values: ABC, applied: 1 } });
  const walDir = path.join(folder, "a/member/wal");
  const [segment] = readdirSync(walDir);
  const file = path.join(walDir, segment!);
  const bytes = readFileSync(file);
  writeFileSync(file, bytes.subarray(0, bytes.indexOf("three") + 2));
  const made = path.join(folder, "new");
  const { code, stderr } = await quorateUtl("recover", path.join(folder, "a"), "--data-dir", made, "--yes");
  assert.deepEqual([code, stderr], [0, ""]);
  const { entries, torn } = await logOf(made);
  assert.equal(torn, undefined);
  assert.equal(entries.length, FIRST_ENTRIES + 2 + 2);
});

const refusals: {
  name: string;
  members: Readonly<Record<string, MadeMember>>;
  args: readonly string[];
  typed?: string;
  damage?: (folder: string) => void;
  code?: number;
  error: RegExp;
}[] = [
  { name: "nothing to compare", members: {}, args: [], code: 128, error: /needs the data directories/ },
  { name: "the same twice", members: {}, args: ["x", "x/"], code: 128, error: /x is given twice/ },
  {
    name: "a best that is not compared",
    members: {},
    args: ["x", "--best", "y"],
    code: 128,
    error: /--best y is none of the directories/,
  },
  {
    name: "what is not there",
    members: {},
    args: ["none"],
    error: /there is no log with a database that it goes on from: a snapshot that was saved can be restored/,
  },
  {
    name: "members of different clusters",
    members: { a: { id: 1n, values: ABC }, b: { id: 2n, clusterId: 7n, values: ABC } },
    args: ["a", "b"],
    error: /these are members of different clusters: a of cdf818194e3a8c32, b of 0*7/,
  },
  {
    name: "a database without a log",
    members: { a: { id: 1n, values: ABC } },
    damage: (folder) => rmSync(path.join(folder, "a/member/wal"), { recursive: true }),
    args: ["a", "--data-dir", "new", "--yes"],
    error:
      /of a\/member\/snap\/db alone, at revision 4, snapshot restore --skip-hash-check makes a new cluster/,
  },
  {
    name: "a database ahead of the log",
    members: { a: { id: 1n, values: ABC.slice(0, 1) }, b: { id: 2n, values: ABC } },
    damage: (folder) => {
      cpSync(path.join(folder, "b/member/snap/db"), path.join(folder, "a/member/snap/db"));
      rmSync(path.join(folder, "b"), { recursive: true });
    },
    args: ["a", "--data-dir", "new", "--yes"],
    error: /there is no log with a database that it goes on from/,
  },
  {
    name: "members that contradict each other",
    members: {
      a: { id: 1n, values: ABC },
      b: { id: 2n, values: ABC, changes: [{ put: "k", value: "other" }] },
    },
    args: ["a", "b", "--data-dir", "new", "--yes"],
    error: /members contradict each other: say with --best which one is right/,
  },
  {
    name: "a member that was removed",
    members: { a: { id: 1n, values: ABC, removed: [1n] } },
    args: ["a", "--data-dir", "new", "--yes"],
    error: /member 1 is none of its cluster any more/,
  },
  {
    name: "a target with something in it",
    members: { a: { id: 1n, values: ABC } },
    args: ["a", "--data-dir", "a", "--yes"],
    error: /data-dir "a" not empty or could not be read/,
  },
  {
    name: "what nobody has confirmed",
    members: { a: { id: 1n, values: ABC } },
    typed: "yes\n",
    args: ["a", "--data-dir", "new"],
    error: /nothing was made/,
  },
  {
    name: "a question that nobody answers",
    members: { a: { id: 1n, values: ABC } },
    typed: "",
    args: ["a", "--data-dir", "new"],
    error: /nothing was made/,
  },
];
for (const { name, members, args, typed = "", damage, code = 1, error } of refusals) {
  test(`recover refuses ${name}, and makes nothing`, async (t) => {
    const folder = await makeMembers(t, members);
    damage?.(folder);
    const before = contentOf(folder);
    const result = await within(folder, () => quorateUtlTyping(typed, "recover", ...args));
    assert.equal(result.code, code);
    assert.match(result.stderr, error);
    assert.match(result.stderr, /^Error: [^\n]*\n$/);
    assert.equal(existsSync(path.join(folder, "new")), false);
    assert.deepEqual(contentOf(folder), before);
  });
}

test("recover refuses a directory on which a member runs", async (t) => {
  const folder = await makeMembers(t, { a: { id: 1n, values: ABC } });
  const a = path.join(folder, "a");
  for (const file of ["member/lock", "member/wal/lock.tmp", "member/snap/db"]) {
    const held = path.join(a, file);
    mkdirSync(path.dirname(held), { recursive: true });
    const holder = spawn("flock", [
      "--no-fork",
      "--exclusive",
      held,
      "sh",
      "-c",
      "echo held; exec sleep 1000",
    ]);
    const ended = new Promise((resolve) => holder.once("close", resolve));
    t.after(() => holder.kill("SIGKILL"));
    await new Promise((resolve, reject) => {
      holder.once("error", reject);
      holder.stdout.once("data", resolve);
    });
    const { code, stderr } = await quorateUtl(
      "recover",
      a,
      "--data-dir",
      path.join(folder, "new"),
      "--yes",
      "--timeout",
      "50ms",
    );
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^Error: .*(locked by process \d+: stop the member that runs there first|process \d+ has .*db open.*)\n$/,
    );
    holder.kill("SIGKILL");
    await ended;
  }
});

test("under etcdutl's name there is no recover", async () => {
  assert.match((await etcdutl("recover", "x")).stderr, /^Error: unknown command "recover" for "etcdutl"/);
});
