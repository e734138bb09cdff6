import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, rmSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { encodeBundle, inputAt, isFresh } from "../src/bundle/bundle-file.ts";

const folder = mkdtempSync(path.join(tmpdir(), "quorate-bundle-file-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const bundle = path.join(folder, "bundle.mjs");
const source = path.join(folder, "source.ts");
const absent = path.join(folder, "absent.json");
const ROOT = "/the/checkout";
const ENTRY = "/the/checkout/program.ts";

/** A fresh bundle of two inputs, one of which is not there. */
function writeBundle(): Buffer {
  rmSync(absent, { force: true });
  writeFileSync(source, "export const a = 1;\n");
  const content = encodeBundle(ROOT, ENTRY, [inputAt(source), inputAt(absent)], "export const a = 1;\n");
  writeFileSync(bundle, content);
  return content;
}

const cases: readonly { name: string; change: () => void; fresh: boolean }[] = [
  { name: "as it was made", change: () => {}, fresh: true },
  { name: "with a source that is longer", change: () => appendFileSync(source, "//"), fresh: false },
  { name: "with a source that was touched", change: () => utimesSync(source, 1, 1), fresh: false },
  { name: "with a source that is gone", change: () => rmSync(source), fresh: false },
  { name: "with an input that was not there", change: () => writeFileSync(absent, ""), fresh: false },
  { name: "that is gone itself", change: () => rmSync(bundle), fresh: false },
  { name: "that is empty", change: () => truncateSync(bundle), fresh: false },
  { name: "followed by something", change: () => appendFileSync(bundle, "\n"), fresh: false },
];
for (const { name, change, fresh } of cases) {
  test(`a bundle ${name} is ${fresh ? "fresh" : "stale"}`, () => {
    writeBundle();
    change();
    assert.equal(isFresh(bundle, ROOT, ENTRY), fresh);
  });
}

test("a bundle of another checkout, program, runtime or format is stale", () => {
  const content = writeBundle().toString();
  assert.ok(!isFresh(bundle, "/another/checkout", ENTRY));
  assert.ok(!isFresh(bundle, ROOT, "/the/checkout/another-program.ts"));
  const changes: readonly [what: string, from: string, to: string][] = [
    ["runtime", process.version, "v0.1.0"],
    ["no inputs", '"inputs"', '"others"'],
    ["no length", '"programBytes"', '"others"'],
    ["no manifest", "{", "["],
    ["format", "quorate-bundle 3", "quorate-bundle 2"],
    ["no line", "\n", ""],
  ];
  for (const [what, from, to] of changes) {
    const changed = content.replace(from, to);
    assert.notEqual(changed, content, what);
    writeFileSync(bundle, changed);
    assert.ok(!isFresh(bundle, ROOT, ENTRY), what);
  }
});

test("a bundle is stale wherever it was cut short", () => {
  const content = writeBundle();
  for (let at = 0; at < content.length; at++) {
    writeFileSync(bundle, content.subarray(0, at));
    assert.ok(!isFresh(bundle, ROOT, ENTRY), `cut to ${at} bytes`);
  }
});
