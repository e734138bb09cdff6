import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { DirectoryStore } from "./directory-store.ts";
import { openStore } from "./open-store.ts";

function scratch(t: { after(clean: () => void): void }): string {
  const folder = mkdtempSync(path.join(tmpdir(), "quorate-store-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function* content(...parts: string[]) {
  for (const part of parts) yield Buffer.from(part);
}

const read = async (store: DirectoryStore, name: string) =>
  Buffer.concat(await Array.fromAsync(store.get(name))).toString();

test("objects are put, replaced, listed by prefix and removed", async (t) => {
  const root = path.join(scratch(t), "not/there/yet");
  const store = new DirectoryStore(root);
  assert.deepEqual(await store.list(""), []);
  await store.put("a/b/two", content("x", "y"));
  await store.put("a/b/one", content("1"));
  await store.put("c/three", content());
  assert.deepEqual(await store.list("a/b/"), [
    { name: "a/b/one", bytes: 1 },
    { name: "a/b/two", bytes: 2 },
  ]);
  await store.put("a/b/two", content("other"));
  assert.equal(await read(store, "a/b/two"), "other");
  await store.remove("a/b/two");
  await store.remove("a/b/two");
  await store.remove("a/b/one");
  assert.deepEqual(readdirSync(root), ["c"]);
  await assert.rejects(read(store, "a/b/two"), { code: "MISSING" });
});

test("a put that fails leaves what was there", async (t) => {
  const root = scratch(t);
  const store = new DirectoryStore(root);
  await store.put("a", content("old"));
  async function* broken() {
    yield Buffer.from("new");
    throw new Error("cut");
  }
  await assert.rejects(store.put("a", broken()), /cut/);
  assert.equal(await read(store, "a"), "old");
  assert.deepEqual(readdirSync(root), ["a"]);
  writeFileSync(path.join(root, "file"), "");
  await assert.rejects(store.put("file/below", content("x")), { code: "STORE" });
});

test("what puts have left that were cut off is no object, and goes after a day", async (t) => {
  const root = scratch(t);
  const store = new DirectoryStore(root);
  mkdirSync(path.join(root, "a"));
  for (const name of ["old", "new"]) writeFileSync(path.join(root, "a", `${name}.part`), "x");
  const before = Date.now() / 1_000 - 2 * 86_400;
  utimesSync(path.join(root, "a", "old.part"), before, before);
  assert.deepEqual(await store.list(""), []);
  await store.tidy();
  assert.deepEqual(readdirSync(path.join(root, "a")), ["new.part"]);
});

const refused: { store: string; s3Endpoint?: string; environment?: Record<string, string>; error: RegExp }[] =
  [
    { store: "", error: /--store has to name/ },
    { store: "gs://bucket", error: /no stores of the kind gs/ },
    { store: "s3://", error: /names no bucket/ },
    { store: "s3://bucket", error: /AWS_ACCESS_KEY_ID/ },
    {
      store: "s3://bucket/x",
      environment: { AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "b", AWS_SESSION_TOKEN: "c" },
      error: /AWS_SESSION_TOKEN/,
    },
    {
      store: "s3://bucket/x",
      s3Endpoint: "localhost",
      environment: { AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "b" },
      error: /--s3-endpoint/,
    },
  ];
for (const { store, s3Endpoint = "", environment = {}, error } of refused) {
  test(`the store "${store}" is refused: ${error.source}`, async () => {
    const opening = openStore({ store, s3Endpoint, s3Region: "", environment });
    await assert.rejects(opening, { code: "SETTING", message: error });
  });
}
