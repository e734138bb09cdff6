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
  const [, line] = /^(\/\/ quorate-bundle 2 )[0-9a-f]{8}/.exec(content)!;
  const write = (rest: string) => writeFileSync(bundle, line + checksumOf(rest) + rest);
  const rest = content.slice(line!.length + 8);
  write(rest);
  assert.ok(isFresh(bundle, ROOT, ENTRY), "the checksum is as the test computes it");
  write(rest.replace(process.version, "v0.1.0"));
  assert.ok(!isFresh(bundle, ROOT, ENTRY), "runtime");
  write(rest.replace('"inputs"', '"others"'));
  assert.ok(!isFresh(bundle, ROOT, ENTRY), "a manifest without inputs");
  writeFileSync(bundle, content.replace("quorate-bundle 2", "quorate-bundle 3"));
  assert.ok(!isFresh(bundle, ROOT, ENTRY), "format");
});

/** As the format says it, in numbers without an end. */
function checksumOf(text: string): string {
  const bytes = [...Buffer.from(text)];
  const words = Array.from({ length: Math.floor(bytes.length / 4) }, (_, i) =>
    bytes.slice(4 * i, 4 * i + 4).reduceRight((word, byte) => word * 256 + byte, 0),
  );
  const sum = [...words, ...bytes.slice(4 * words.length)].reduce(
    (hash, unit) => ((hash ^ BigInt(unit)) * 0x01000193n) % 2n ** 32n,
    0x811c9dc5n,
  );
  return sum.toString(16).padStart(8, "0");
}

test("a bundle is stale wherever it was cut short or one of its bytes is another", () => {
  const content = writeBundle();
  for (let at = 0; at < content.length; at++) {
    writeFileSync(bundle, content.subarray(0, at));
    assert.ok(!isFresh(bundle, ROOT, ENTRY), `cut to ${at} bytes`);
    const damaged = Buffer.from(content);
    damaged[at]! ^= 1;
    writeFileSync(bundle, damaged);
    assert.ok(!isFresh(bundle, ROOT, ENTRY), `byte ${at}`);
  }
});
