import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";

const packageRoot = path.resolve(import.meta.dirname, "../..");

test("what the guide shows first does what it says", (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), "quorate-readme-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const guide = readFileSync(path.join(packageRoot, "README.md"), "utf8");
  const code = /```ts\n(.*?)```/s.exec(guide)?.[1] ?? "";
  assert.ok(code.includes('"inventory.db"'));
  const inPlace = code.replace('"inventory.db"', JSON.stringify(path.join(directory, "inventory.db")));
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", "--input-type=module-typescript", "--eval", inPlace],
    { cwd: packageRoot, encoding: "utf8" },
  );
  assert.equal(stdout, "apple 12\npear 7\n", stderr);
});
