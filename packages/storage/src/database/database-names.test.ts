import { strict as assert } from "node:assert";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { RealDisk } from "../seams/real-disk.ts";
import { adoptDatabase, removeDatabase, replaceDatabase } from "./database-names.ts";

const disk = new RealDisk();
const root = mkdtempSync(path.join(tmpdir(), "quorate-database-names-"));
after(() => rmSync(root, { recursive: true, force: true }));

function folder(name: string, files: Readonly<Record<string, string>>): string {
  const directory = path.join(root, name);
  mkdirSync(directory);
  for (const [file, text] of Object.entries(files)) writeFileSync(path.join(directory, file), text);
  return directory;
}

function contentOf(directory: string): Record<string, string> {
  const names = readdirSync(directory).sort();
  return Object.fromEntries(names.map((name) => [name, readFileSync(path.join(directory, name), "utf8")]));
}

test("a database takes another one's place together with its checksums", async () => {
  const directory = folder("replaced", { db: "old", "db.sums": "of old", new: "new", "new.sums": "of new" });
  let replaced = 0;
  await replaceDatabase(disk, path.join(directory, "new"), path.join(directory, "db"), () => replaced++);
  assert.deepEqual(contentOf(directory), { db: "new", "db.sums": "of new" });
  assert.equal(replaced, 1);
});

test("what cannot take the place leaves the database, without checksums that might not be its own", async () => {
  const directory = folder("kept", { db: "old", "db.sums": "of old" });
  const replace = replaceDatabase(disk, path.join(directory, "none"), path.join(directory, "db"), () =>
    assert.fail(),
  );
  await assert.rejects(replace, /ENOENT/);
  assert.deepEqual(contentOf(directory), { db: "old" });
});

test("a received database is adopted without a copy, and no checksums of another one are left", async () => {
  const directory = folder("adopted", { db: "old", "db.sums": "of old", received: "new" });
  const [received, db] = [path.join(directory, "received"), path.join(directory, "db")];
  await adoptDatabase(disk, received, db);
  assert.deepEqual(contentOf(directory), { db: "new", received: "new" });
  assert.equal(statSync(db).ino, statSync(received).ino);
  // A crash may have left this one, and the start after it adopts again.
  await adoptDatabase(disk, received, db);
  assert.deepEqual(contentOf(directory), { db: "new", received: "new" });
  await assert.rejects(adoptDatabase(disk, path.join(directory, "none"), db), /ENOENT/);
  assert.deepEqual(contentOf(directory), { db: "new", received: "new" });
});

test("a database is removed with all that lies beside it", async () => {
  const files = { x: "1", "x.sums": "2", "x.sums.creating": "3", "x.creating": "4" };
  const directory = folder("removed", { ...files, "x.other": "5" });
  await removeDatabase(disk, path.join(directory, "x"));
  assert.deepEqual(contentOf(directory), { "x.other": "5" });
});
