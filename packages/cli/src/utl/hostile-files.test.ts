/** What etcdutl makes of files that were cut, flipped or never were what they say: an error in a line, and nothing is lost. */
import assert from "node:assert/strict";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import test, { type TestContext } from "node:test";
import { SeededRandom } from "@quorate/testkit/random";
import { searchRuns, testWithSeed } from "@quorate/testkit/seed";
import { makeMember, SEGMENT } from "./recover/testing.ts";
import { makeSnapshot, quorateUtl, scratchDirectory } from "./testing.ts";

/** `snapshot.db` and the data directory `data` in the folder in which a line runs; what it makes is `made`. */
const LINES: readonly { words: readonly string[]; writes?: string; ofSnapshot?: true }[] = [
  { words: ["snapshot", "status", "snapshot.db"], ofSnapshot: true },
  { words: ["snapshot", "restore", "snapshot.db", "--data-dir", "made"], ofSnapshot: true },
  {
    words: ["snapshot", "restore", "snapshot.db", "--data-dir", "made", "--skip-hash-check"],
    ofSnapshot: true,
  },
  {
    words: [
      "snapshot",
      "restore",
      "snapshot.db",
      "--data-dir",
      "made",
      "--bump-revision",
      "10",
      "--mark-compacted",
    ],
    ofSnapshot: true,
  },
  { words: ["hashkv", "snapshot.db"], ofSnapshot: true },
  { words: ["check", "snapshot.db"], ofSnapshot: true },
  { words: ["inspect", "buckets", "snapshot.db"], ofSnapshot: true },
  { words: ["inspect", "keys", "snapshot.db"], ofSnapshot: true },
  { words: ["inspect", "wal", "data"] },
  { words: ["verify", "--data-dir", "data"] },
  { words: ["defrag", "--data-dir", "data"], writes: "member/snap/db" },
  { words: ["migrate", "--data-dir", "data", "--target-version", "3.6"], writes: "member/snap/db" },
  { words: ["recover", "data", "--data-dir", "made", "--yes"] },
];

const DATABASE = "data/member/snap/db";
const LOG = `data/${SEGMENT}` as const;
const CHANGES = Array.from({ length: 200 }, (_, i) => ({
  put: `key/${i % 50}`,
  value: `value ${i}`.repeat(5),
}));

async function makeFiles(t: { after(clean: () => void): void }): Promise<string> {
  const folder = scratchDirectory(t);
  await makeSnapshot(path.join(folder, "snapshot.db"), { changes: CHANGES });
  await makeMember(path.join(folder, "data"), { id: 1n, values: ["one", "two", "three"], changes: CHANGES });
  return folder;
}

interface Damage {
  readonly name: string;
  /** Which of them is damaged. */
  readonly of: "snapshot.db" | typeof DATABASE | typeof LOG;
  readonly damage: (file: string) => void;
}

const cut = (bytes: (size: number) => number) => (file: string) =>
  truncateSync(file, Math.max(0, bytes(readFileSync(file).length)));
const overwritten = (at: (size: number) => number, bytes: Uint8Array) => (file: string) => {
  const content = readFileSync(file);
  content.set(bytes, at(content.length));
  writeFileSync(file, content);
};
const becomes = (content: Uint8Array | string) => (file: string) => writeFileSync(file, content);
const FILES = ["snapshot.db", DATABASE, LOG] as const;
const ALL: readonly Damage[] = FILES.flatMap((of) => [
  { name: "is gone", of, damage: (file: string) => rmSync(file) },
  { name: "is empty", of, damage: becomes("") },
  { name: "is one byte", of, damage: becomes("x") },
  { name: "is text", of, damage: becomes("no such thing\n".repeat(5_000)) },
  { name: "is zeros", of, damage: becomes(Buffer.alloc(100_000)) },
  { name: "is ones", of, damage: becomes(Buffer.alloc(100_000, 0xff)) },
  { name: "is cut to its first page", of, damage: cut(() => 4_096) },
  { name: "is cut in the middle", of, damage: cut((size) => size >> 1) },
  { name: "lacks its last byte", of, damage: cut((size) => size - 1) },
  { name: "begins with ones", of, damage: overwritten(() => 0, Buffer.alloc(64, 0xff)) },
  {
    name: "has nothing but ones behind its beginning",
    of,
    damage: (file: string) => {
      const content = readFileSync(file);
      writeFileSync(file, content.fill(0xff, of === LOG ? 16 : 2 * 4_096));
    },
  },
  {
    name: "is a directory",
    of,
    damage: (file: string) => {
      rmSync(file);
      mkdirSync(file);
    },
  },
]);

function contentOf(folder: string): Map<string, Buffer> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
  return new Map(
    files.map((each) => path.join(each.parentPath, each.name)).map((file) => [file, readFileSync(file)]),
  );
}

/** A line that fails says so in words, and has left everything as it was. */
async function runLine(
  folder: string,
  { words, writes }: (typeof LINES)[number],
  told: string,
): Promise<number> {
  const before = contentOf(folder);
  const cwd = process.cwd();
  process.chdir(folder);
  try {
    const { code, stderr } = await quorateUtl(...words);
    const line = `${words.join(" ")}, ${told}: ${stderr}`;
    const made = path.join(folder, "made");
    if (code !== 0) {
      assert.match(stderr, /^Error: .+/m, line);
      assert.doesNotMatch(stderr, /^ {4}at |undefined|TypeError|RangeError/m, line);
      assert.equal(existsSync(made), false, line);
    }
    rmSync(made, { recursive: true, force: true });
    const written = code === 0 && writes !== undefined ? path.join(folder, "data", writes) : undefined;
    const after = contentOf(folder);
    assert.deepEqual([...after.keys()], [...before.keys()], line);
    for (const [file, bytes] of before)
      if (file !== written) assert.ok(bytes.equals(after.get(file)!), `${line}: ${file} has changed`);
    return code;
  } finally {
    process.chdir(cwd);
  }
}

/** What sound files come to is a success of every line, so that a failure says something. */
test("of sound files every line does what it is to do", async (t) => {
  const folder = await makeFiles(t);
  for (const line of LINES) assert.equal(await runLine(folder, line, "sound"), 0, line.words.join(" "));
});

/** A log may end anywhere, and what lies behind its end is nothing. */
const ENDS = ["is cut in the middle", "lacks its last byte", "is cut to its first page"];

/** Whether what is damaged may be as good as sound for a line, or is not read by it. */
function mayBeSound({ of, name }: Damage, { words: [program, what] }: (typeof LINES)[number]): boolean {
  if (of === LOG) return ENDS.includes(name) || ["defrag", "migrate"].includes(program!);
  // A database has two beginnings, of which the other one may be sound.
  if (name === "begins with ones") return true;
  // Without all of its sum it is a copy of a database.
  if (of === "snapshot.db") return name === "lacks its last byte";
  return what === "wal";
}

for (const damage of ALL) {
  test(`${damage.of} ${damage.name}: each line that reads it fails in words, and loses nothing`, async (t: TestContext) => {
    const folder = await makeFiles(t);
    damage.damage(path.join(folder, damage.of));
    for (const line of LINES) {
      const reads = line.ofSnapshot === true ? damage.of === "snapshot.db" : damage.of !== "snapshot.db";
      if (!reads) continue;
      const code = await runLine(folder, line, `${damage.of} ${damage.name}`);
      if (mayBeSound(damage, line)) continue;
      assert.notEqual(code, 0, `${line.words.join(" ")}, ${damage.of} ${damage.name}`);
    }
  });
}

testWithSeed("a bit that is flipped anywhere costs nothing that was there", async (seed, t) => {
  const random = new SeededRandom(seed);
  const sound = await makeFiles(t);
  for (let i = 0; i < searchRuns(40, 300); i++) {
    const folder = path.join(sound, `${i}`);
    for (const each of ["snapshot.db", "data"])
      cpSync(path.join(sound, each), path.join(folder, each), { recursive: true });
    const of = FILES[random.below(FILES.length)]!;
    const file = path.join(folder, of);
    const bytes = readFileSync(file);
    // The log has room behind what it holds.
    const at = random.below(of === LOG ? 2_000 : bytes.length);
    bytes[at]! ^= 1 << random.below(8);
    writeFileSync(file, bytes);
    const line = LINES[random.below(LINES.length)]!;
    await runLine(folder, line, `byte ${at} of ${of} flipped`);
    rmSync(folder, { recursive: true });
  }
});
