import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { Database } from "../index.ts";
import { keepStock } from "./stock.ts";

for (const map of [true, false]) {
  test(`the example counts on a real disk, ${map ? "mapped" : "cached"}`, async (t) => {
    const directory = mkdtempSync(path.join(tmpdir(), "quorate-stock-"));
    t.after(() => rmSync(directory, { recursive: true }));
    const file = path.join(directory, "stock.db");
    assert.deepEqual(await keepStock(file, { map }), [
      "stock apples: 9",
      "stock pears: 7",
      "history apples: 12",
    ]);
    assert.equal(readFileSync(file).readUInt32LE(16), 0xed0c_daed);
    assert.deepEqual(await keepStock(file, { map }), [
      "stock apples: 9",
      "stock pears: 7",
      "history apples: 12",
      "history apples: 9",
      "history pears: 7",
      "history apples: 12",
    ]);
    await using database = await Database.open(file, { readOnly: true, map });
    assert.deepEqual((await database.check()).faults, []);
  });
}
