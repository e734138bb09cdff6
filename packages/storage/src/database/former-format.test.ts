import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { temporaryDir } from "@quorate/testkit/process";
import { formerFormatFault } from "./former-format.ts";
import { openTested } from "./tested-backend.testing.ts";

const root = temporaryDir("former-format");

/** The beginning of a database of LMDB's, as earlier versions made it: the page's header, the number, a version. */
function lmdbFile(): Buffer {
  const file = Buffer.alloc(3 * 4096);
  for (const page of [0, 1]) {
    file.writeUInt16LE(8, page * 4096 + 18);
    file.writeUInt32LE(0xbeef_c0de, page * 4096 + 24);
    file.writeUInt32LE(2, page * 4096 + 28);
  }
  return file;
}

test("a database of LMDB's is refused with what helps, and stays as it is", async () => {
  const file = path.join(root, "member", "db");
  mkdirSync(path.dirname(file));
  writeFileSync(file, lmdbFile());
  writeFileSync(`${file}-lock`, "");
  await assert.rejects(openTested(file), (error: Error) => {
    assert.equal(error.message, formerFormatFault(file, lmdbFile()));
    assert.match(
      error.message,
      /format of LMDB.*etcdctl snapshot save.*etcdutl snapshot restore.*empty data directory/,
    );
    return error.message.includes(file);
  });
  assert.ok(readFileSync(file).equals(lmdbFile()));
  assert.deepEqual(readdirSync(path.dirname(file)).sort(), ["db", "db-lock"]);
});

for (const [name, content, want] of [
  ["noise", Buffer.alloc(8192, 7), /is invalid at page 0/],
  ["a few octets", Buffer.from("bbolt"), /is invalid at page 0/],
] as const) {
  test(`${name} is no database of an earlier version`, async () => {
    const file = path.join(root, name);
    writeFileSync(file, content);
    assert.equal(formerFormatFault(file, content), undefined);
    await assert.rejects(openTested(file), want);
  });
}
