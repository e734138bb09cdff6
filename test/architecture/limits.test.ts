import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { isProduct, sourcesIn } from "./modules.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const LIMITS = "docs/limits.md";
const PACKAGES = ["rpc", "server", "storage"];

/** No client and no member meets them: they say how numbers or structures are made. */
const OF_FORMATS: Readonly<Record<string, string>> = {
  MAX_INDEX: "an index is 64 bits",
  MAX_CHAIN: "a longer history of a key is kept in another form",
  MAX_CODE_LENGTH: "of Huffman codes in HPACK",
  MAX_DIGITS: "of an integer in JSON, as in protobuf for Go",
  MAX_HASH: "a hash has 32 bits",
  MAX_INSERTED: "of a sort, as Go's",
  MAX_SHIFTED: "the same",
  MAX_SWAPS: "the same",
  MAX_TIMER_MS: "longer timers are set again",
};

/** The constants of a source file that are limits, by their names. */
function limitsIn(source: string): string[] {
  return [...source.matchAll(/^(?:export )?const (MAX(?:IMUM)?_[A-Z0-9_]+)\b/gm)].map(([, name]) => name!);
}

function namedIn(document: string): Set<string> {
  return new Set([...document.matchAll(/`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`/g)].map(([, name]) => name!));
}

const files = PACKAGES.flatMap((name) => sourcesIn(`packages/${name}`)).filter(isProduct);
const limits = files.flatMap((file) =>
  limitsIn(readFileSync(path.join(ROOT, file), "utf8")).map((name) => ({ file, name })),
);
const named = namedIn(readFileSync(path.join(ROOT, LIMITS), "utf8"));

test("every limit of the code is in the list of limits", () => {
  assert.ok(limits.length > 50, `${limits.length}`);
  const missing = limits.filter(({ name }) => !named.has(name) && OF_FORMATS[name] === undefined);
  assert.deepEqual(missing, []);
});

test("the list names no limit that is not there, and none is both in it and of a format", () => {
  const names = new Set(limits.map(({ name }) => name));
  assert.deepEqual(
    [...named, ...Object.keys(OF_FORMATS)].filter((name) => /^MAX/.test(name) && !names.has(name)),
    [],
  );
  assert.deepEqual(
    Object.keys(OF_FORMATS).filter((name) => named.has(name)),
    [],
  );
});

test("finds limits, exported or not, and the names of a document", () => {
  const source =
    "export const MAX_A = 1;\nconst MAX_B_BYTES: number = 2;\n  const MAX_C = 3;\nconst LIMIT = 4;";
  assert.deepEqual(limitsIn(source), ["MAX_A", "MAX_B_BYTES"]);
  assert.deepEqual(
    [...namedIn("a (`MAX_A`, `MAX_B_BYTES`), MAX_C, `max_d` and `OK`")],
    ["MAX_A", "MAX_B_BYTES"],
  );
});
