import assert from "node:assert/strict";
import test from "node:test";
import { startKeys } from "./keys.testing.ts";

const JSON_WANTED = { headers: { Accept: "application/json" } };
const linesOf = (text: string) =>
  text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));
const keysOf = (records: readonly { key: string }[]) => records.map(({ key }) => key);

test("all keys with a prefix are listed, a line each or as an array, with the revision and their number before", async (t) => {
  const { ask } = await startKeys(t);
  for (const key of ["a", "b/1", "b/2", "b/%ff", "c"]) await ask("PUT", `/kv/${key}`, { body: `of ${key}` });
  const lines = await ask("GET", "/kv/b/?prefix");
  assert.equal(lines.headers["content-type"], "application/x-ndjson");
  assert.deepEqual([lines.headers["quorate-revision"], lines.headers["quorate-count"]], ["6", "3"]);
  assert.deepEqual(linesOf(lines.text), [
    { key: "b/1", value: "of b/1", create_revision: 3, mod_revision: 3, version: 1 },
    { key: "b/2", value: "of b/2", create_revision: 4, mod_revision: 4, version: 1 },
    { key_base64: "Yi//", value: "of b/%ff", create_revision: 5, mod_revision: 5, version: 1 },
  ]);
  const array = await ask("GET", "/kv/b/?prefix", JSON_WANTED);
  assert.equal(array.headers["content-type"], "application/json");
  assert.deepEqual(JSON.parse(array.text), linesOf(lines.text));
  const named = linesOf((await ask("GET", "/kv/b/?prefix&keys_only&serializable")).text);
  assert.deepEqual(named[0], { key: "b/1", create_revision: 3, mod_revision: 3, version: 1 });
});

test("a list is empty when there is nothing, and holds everything behind no prefix at all", async (t) => {
  const { ask } = await startKeys(t);
  for (const target of ["/kv/?prefix", "/kv/x?prefix&limit=1"]) {
    assert.equal((await ask("GET", target)).text, "");
    assert.deepEqual(JSON.parse((await ask("GET", target, JSON_WANTED)).text), []);
  }
  for (const key of ["%00", "a", "%ff%ff"]) await ask("PUT", `/kv/${key}`, { body: "x" });
  assert.equal(linesOf((await ask("GET", "/kv/?prefix")).text).length, 3);
  assert.equal(linesOf((await ask("GET", "/kv/%ff?prefix")).text).length, 1);
  assert.deepEqual(JSON.parse((await ask("DELETE", "/kv/?prefix")).text), { revision: 5, deleted: 3 });
  assert.equal((await ask("GET", "/kv/?prefix")).headers["quorate-count"], "0");
});

for (const options of [{}, JSON_WANTED]) {
  test(`pages are of one revision, whatever happens between them, as ${options === JSON_WANTED ? "arrays" : "lines"}`, async (t) => {
    const { ask } = await startKeys(t);
    for (let i = 0; i < 7; i++) await ask("PUT", `/kv/p/${i}`, { body: `${i}` });
    const pages: string[][] = [];
    let next: string | undefined = "";
    while (next !== undefined) {
      const target = `/kv/p/?prefix&limit=3${next === "" ? "" : `&continue=${next}`}`;
      const { status, headers, text } = await ask("GET", target, options);
      assert.deepEqual([status, headers["quorate-revision"]], [200, "8"]);
      pages.push(keysOf(options === JSON_WANTED ? JSON.parse(text) : linesOf(text)));
      next = headers["quorate-continue"] as string | undefined;
      await ask("PUT", "/kv/p/3.5", { body: "later" });
      await ask("DELETE", "/kv/p/5");
    }
    assert.deepEqual(pages, [["p/0", "p/1", "p/2"], ["p/3", "p/4", "p/5"], ["p/6"]]);
  });
}

test("a list without a limit goes on where a page ended, too; with what is no page's end it is refused", async (t) => {
  const { ask } = await startKeys(t);
  for (const key of ["p/1", "p/2", "p/3", "q"]) await ask("PUT", `/kv/${key}`, { body: "x" });
  const { headers } = await ask("GET", "/kv/p/?prefix&limit=1");
  const rest = await ask("GET", `/kv/p/?prefix&continue=${headers["quorate-continue"]}`);
  assert.deepEqual(keysOf(linesOf(rest.text)), ["p/2", "p/3"]);
  for (const token of ["", "x", "5", `5.${Buffer.from("q").toString("base64url")}`, "0.cC8x"])
    assert.equal((await ask("GET", `/kv/p/?prefix&continue=${token}`)).status, 400, token);
});

test("a page that ends with a key that no header holds is refused, and the list is not", async (t) => {
  const { ask } = await startKeys(t);
  const long = `l/${"x".repeat(5000)}`;
  for (const key of [long, `${long}y`]) await ask("PUT", `/kv/${key}`, { body: "" });
  assert.equal((await ask("GET", "/kv/l/?prefix&limit=1")).status, 400);
  assert.deepEqual(keysOf(linesOf((await ask("GET", "/kv/l/?prefix&limit=2")).text)), [long, `${long}y`]);
  assert.equal(linesOf((await ask("GET", "/kv/l/?prefix")).text).length, 2);
});

test("a list of what is compacted or still to come is refused with a status", async (t) => {
  const { ask, call } = await startKeys(t);
  for (let i = 0; i < 3; i++) await ask("PUT", "/kv/a", { body: "x" });
  await call("kv/compaction", { revision: "4" });
  for (const revision of [2, 9])
    for (const limit of ["", "&limit=5"])
      assert.equal((await ask("GET", `/kv/a?prefix&revision=${revision}${limit}`)).status, 400);
});

test("a long list is whole, and a client that does not read it makes it wait", async (t) => {
  const { ask, open } = await startKeys(t);
  const value = "v".repeat(50_000);
  for (let i = 0; i < 200; i++)
    await ask("PUT", `/kv/l/${String(i).padStart(3, "0")}`, { body: `${i}${value}` });
  const request = open("GET", "/kv/l/?prefix");
  const response = await new Promise<import("node:http").IncomingMessage>((resolve, reject) => {
    request.on("response", resolve).on("error", reject).end();
  });
  // All others are served meanwhile.
  for (let i = 0; i < 20; i++) assert.equal((await ask("GET", "/kv/l/000")).status, 200);
  const text = Buffer.concat(await response.toArray()).toString();
  const values: string[] = linesOf(text).map((record) => record.value);
  assert.equal(values.length, 200);
  assert.ok(values.every((got, i) => got === `${i}${value}`));
  // One that leaves costs nobody anything.
  const leaving = open("GET", "/kv/l/?prefix");
  leaving.on("error", () => {}).end();
  await new Promise((resolve) => leaving.on("response", resolve));
  leaving.destroy();
  assert.equal((await ask("GET", "/kv/l/001")).status, 200);
});
