import assert from "node:assert/strict";
import test from "node:test";
import { type Keys, startKeys } from "./keys.testing.ts";

const problem = (text: string) => {
  const { error, code, message, ...rest } = JSON.parse(text);
  assert.deepEqual(rest, {});
  assert.equal(typeof message, "string");
  return [error, code];
};

test("a value is put, got and deleted as it is", async (t) => {
  const { ask } = await startKeys(t);
  const put = await ask("PUT", "/kv/greeting", { body: "hello" });
  assert.deepEqual([put.status, put.text, put.headers.etag], [200, '{"revision":2}\n', '"2"']);
  const got = await ask("GET", "/kv/greeting");
  assert.deepEqual([got.status, got.text], [200, "hello"]);
  const { etag, "content-type": type, "x-content-type-options": sniffing, vary } = got.headers;
  assert.deepEqual([etag, type, sniffing, vary], ['"2"', "text/plain; charset=utf-8", "nosniff", "Accept"]);
  assert.deepEqual(
    [got.headers["quorate-version"], got.headers["quorate-create-revision"], got.headers["quorate-lease"]],
    ["1", "2", undefined],
  );
  const head = await ask("HEAD", "/kv/greeting");
  assert.deepEqual(
    [head.status, head.text, head.headers.etag, head.headers["content-length"]],
    [200, "", '"2"', "5"],
  );
  const deleted = await ask("DELETE", "/kv/greeting?prev");
  assert.equal(deleted.status, 200);
  assert.deepEqual(JSON.parse(deleted.text), {
    revision: 3,
    deleted: 1,
    prev: { key: "greeting", value: "hello", create_revision: 2, mod_revision: 2, version: 1 },
  });
  for (const method of ["GET", "DELETE"]) {
    const missing = await ask(method, "/kv/greeting");
    assert.deepEqual([missing.status, problem(missing.text)], [404, ["NotFound", 5]]);
  }
});

const types: { name: string; value: string | Uint8Array; want: string }[] = [
  { name: "an object", value: '{"a":1}', want: "application/json" },
  { name: "an array", value: " [1]\n", want: "application/json" },
  { name: "a number is text", value: "17", want: "text/plain; charset=utf-8" },
  { name: "half an object is text", value: '{"a":', want: "text/plain; charset=utf-8" },
  {
    name: "a large object is text",
    value: JSON.stringify(Array(10_000).fill(1)),
    want: "text/plain; charset=utf-8",
  },
  {
    name: "what a browser would run is text",
    value: "<script>1</script>",
    want: "text/plain; charset=utf-8",
  },
  { name: "nothing", value: "", want: "text/plain; charset=utf-8" },
  { name: "octets", value: new Uint8Array([0xff, 0, 10]), want: "application/octet-stream" },
];
test("a value's type is looked up in the value", async (t) => {
  const { ask } = await startKeys(t);
  for (const { name, value, want } of types) {
    assert.equal((await ask("PUT", "/kv/v", { body: value })).status, 200, name);
    const got = await ask("GET", "/kv/v");
    assert.equal(got.headers["content-type"], want, name);
    assert.deepEqual(got.body, Buffer.from(value), name);
  }
});

const paths = [
  { target: "/kv/a/b", key: "a/b" },
  { target: "/kv//registry/pods", key: "/registry/pods" },
  { target: "/kv/a/../b", key: "a/../b" },
  { target: "/kv/a//b/", key: "a//b/" },
  { target: "/kv/a%2Fb%20c+d", key: "a/b c+d" },
  { target: "/kv/%ff%00", key: "\xff\0" },
  { target: "/kv/gr%C3%BC%C3%9Fe", key: Buffer.from("grüße").toString("latin1") },
  { target: "/k%76/x", key: "x" },
];
test("the key is the path behind /kv/, decoded to octets, slashes and all", async (t) => {
  const { ask, call } = await startKeys(t);
  for (const { target, key } of paths) {
    assert.equal((await ask("PUT", target, { body: target })).status, 200, target);
    const { kvs } = await call("kv/range", { key: Buffer.from(key, "latin1").toString("base64") });
    assert.equal(Buffer.from(kvs[0].value, "base64").toString(), target);
    assert.equal((await ask("GET", target)).text, target);
  }
});

test("what is no key's path is answered as before", async (t) => {
  const { ask } = await startKeys(t);
  for (const target of ["/", "/kv", "/kv%2Fa", "/keys/a"])
    assert.equal((await ask("GET", target)).status, 404, target);
  const cleaned = await ask("GET", "/x//kv/a");
  assert.deepEqual([cleaned.status, cleaned.headers.location], [307, "/x/kv/a"]);
});

test("a client that asks for JSON gets the key with all that is known of it", async (t) => {
  const { ask, call } = await startKeys(t);
  const lease = await call("lease/grant", { ID: "9007199254740993", TTL: 600 });
  await ask("PUT", `/kv/a?lease=${lease.ID}`, { body: "x" });
  await ask("PUT", `/kv/a?lease=${lease.ID}`, { body: '\u2028ü"\n' });
  const headers = { Accept: "text/html, Application/JSON;q=0.5" };
  const { text, headers: got } = await ask("GET", "/kv/a", { headers });
  assert.deepEqual(JSON.parse(text), {
    key: "a",
    value: '\u2028ü"\n',
    create_revision: 2,
    mod_revision: 3,
    version: 2,
    lease: "9007199254740993",
  });
  assert.deepEqual([got["content-type"], got["quorate-lease"]], ["application/json", "9007199254740993"]);
  await ask("PUT", "/kv/%ff", { body: new Uint8Array([0xfe, 1]) });
  const octets = JSON.parse((await ask("GET", "/kv/%ff", { headers })).text);
  assert.deepEqual([octets.key_base64, octets.value_base64], ["/w==", "/gE="]);
});

test("a long value as JSON is the same value, its characters undivided", async (t) => {
  const { ask } = await startKeys(t);
  const headers = { Accept: "application/json" };
  const text = "aü€😀".repeat(40_000);
  await ask("PUT", "/kv/text", { body: text });
  assert.equal(JSON.parse((await ask("GET", "/kv/text", { headers })).text).value, text);
  const octets = Buffer.alloc(500_001, 0xfe);
  await ask("PUT", "/kv/octets", { body: octets });
  const got = JSON.parse((await ask("GET", "/kv/octets", { headers })).text).value_base64;
  assert.deepEqual(Buffer.from(got, "base64"), octets);
});

test("a key is read as it was at a revision, and not at one that is compacted or still to come", async (t) => {
  const { ask, call } = await startKeys(t);
  for (const body of ["1", "2", "3"]) await ask("PUT", "/kv/a", { body });
  assert.equal((await ask("GET", "/kv/a?revision=3&serializable")).text, "2");
  await call("kv/compaction", { revision: "4" });
  for (const revision of [2, 99]) {
    const { status, text } = await ask("GET", `/kv/a?revision=${revision}`);
    assert.deepEqual([status, problem(text)], [400, ["OutOfRange", 11]]);
  }
});

const conditions: {
  name: string;
  method: string;
  headers: Record<string, string>;
  want: number;
  etag?: string;
}[] = [
  { name: "another revision", method: "PUT", headers: { "If-Match": '"9"' }, want: 412, etag: '"2"' },
  { name: "there is one already", method: "PUT", headers: { "If-None-Match": "*" }, want: 412, etag: '"2"' },
  { name: "just this one not", method: "PUT", headers: { "If-None-Match": '"2"' }, want: 412, etag: '"2"' },
  {
    name: "two that contradict",
    method: "PUT",
    headers: { "If-Match": "*", "If-None-Match": "*" },
    want: 412,
    etag: '"2"',
  },
  {
    name: "another one to be deleted",
    method: "DELETE",
    headers: { "If-Match": '"9"' },
    want: 412,
    etag: '"2"',
  },
  { name: "no revision", method: "PUT", headers: { "If-Match": "2" }, want: 400 },
  { name: "a weak one", method: "PUT", headers: { "If-Match": 'W/"2"' }, want: 400 },
  { name: "several", method: "DELETE", headers: { "If-Match": '"2", "3"' }, want: 400 },
  { name: "the revision", method: "PUT", headers: { "If-Match": '"2"' }, want: 200, etag: '"3"' },
  { name: "not another one", method: "PUT", headers: { "If-None-Match": '"2"' }, want: 200, etag: '"4"' },
  { name: "any", method: "PUT", headers: { "If-Match": "*" }, want: 200, etag: '"5"' },
  { name: "the one to be deleted", method: "DELETE", headers: { "If-Match": '"5"' }, want: 200 },
  { name: "none to be deleted", method: "DELETE", headers: { "If-Match": '"5"' }, want: 412 },
  { name: "any, and there is none", method: "PUT", headers: { "If-Match": "*" }, want: 412 },
  {
    name: "none, and there is none",
    method: "PUT",
    headers: { "If-None-Match": "*" },
    want: 200,
    etag: '"7"',
  },
];
test("conditions on a key's revision decide whether it is changed", async (t) => {
  const { ask } = await startKeys(t);
  await ask("PUT", "/kv/a", { body: "before" });
  for (const { name, method, headers, want, etag } of conditions) {
    const answer = await ask(method, "/kv/a", { headers, body: method === "PUT" ? name : "" });
    assert.deepEqual([answer.status, answer.headers.etag], [want, etag], name);
    if (want === 412) assert.deepEqual(problem(answer.text), ["FailedPrecondition", 9]);
  }
});

test("a change tells what was there before, if it is asked", async (t) => {
  const { ask } = await startKeys(t);
  assert.deepEqual(JSON.parse((await ask("PUT", "/kv/a?prev", { body: "1" })).text), { revision: 2 });
  assert.equal(JSON.parse((await ask("PUT", "/kv/a?prev", { body: "2" })).text).prev.value, "1");
  const ifMatch = { "If-Match": '"3"' };
  assert.equal(
    JSON.parse((await ask("PUT", "/kv/a?prev", { body: "3", headers: ifMatch })).text).prev.value,
    "2",
  );
});

test("a client that knows the value is told so", async (t) => {
  const { ask } = await startKeys(t);
  await ask("PUT", "/kv/a", { body: "1" });
  for (const known of ['"2"', '"1", W/"2"', "*"]) {
    const { status, text, headers } = await ask("GET", "/kv/a", { headers: { "If-None-Match": known } });
    assert.deepEqual([status, text, headers.etag], [304, "", '"2"'], known);
  }
  assert.equal((await ask("GET", "/kv/a", { headers: { "If-None-Match": '"1"' } })).status, 200);
});

const refusals = [
  { name: "a method that is none", method: "POST", target: "/kv/a", want: 405 },
  { name: "the head of a list", method: "HEAD", target: "/kv/a?prefix", want: 405 },
  { name: "no key", method: "GET", target: "/kv/", want: 400 },
  { name: "a slip", method: "DELETE", target: "/kv/a?prefx", want: 400 },
  { name: "a flag that is none", method: "GET", target: "/kv/a?prefix=yes", want: 400 },
  { name: "twice", method: "GET", target: "/kv/a?revision=1&revision=2", want: 400 },
  { name: "a revision that is none", method: "GET", target: "/kv/a?revision=-1", want: 400 },
  { name: "too large a page", method: "GET", target: "/kv/a?prefix&limit=10001", want: 400 },
  { name: "of another method", method: "PUT", target: "/kv/a?prefix", want: 400 },
  { name: "of a list", method: "GET", target: "/kv/a?limit=3", want: 400 },
  { name: "a lease beyond 64 bits", method: "PUT", target: "/kv/a?lease=9223372036854775808", want: 400 },
  { name: "a lease that is not there", method: "PUT", target: "/kv/a?lease=77", want: 404 },
  {
    name: "many on one condition",
    method: "DELETE",
    target: "/kv/a?prefix",
    headers: { "If-Match": "*" },
    want: 400,
  },
  { name: "the predecessors of many", method: "DELETE", target: "/kv/a?prefix&prev", want: 400 },
  {
    name: "a timeout that is none",
    method: "GET",
    target: "/kv/a",
    headers: { "Grpc-Timeout": "x" },
    want: 400,
  },
  { name: "no time at all", method: "GET", target: "/kv/a", headers: { "Grpc-Timeout": "0n" }, want: 504 },
];
test("what makes no sense is refused, and changes nothing", async (t) => {
  const { ask } = await startKeys(t);
  await ask("PUT", "/kv/a", { body: "1" });
  for (const { name, method, target, headers = {}, want } of refusals) {
    const answer = await ask(method, target, { headers });
    assert.equal(answer.status, want, name);
    if (method !== "HEAD") problem(answer.text);
    assert.equal(answer.headers.allow, want === 405 ? "GET, HEAD, PUT, DELETE, OPTIONS" : undefined, name);
  }
  assert.equal((await ask("GET", "/kv/a")).headers.etag, '"2"');
});

test("a value that is too large is refused, whether its length is said before or not", async (t) => {
  const { ask, open } = await startKeys(t, "--max-request-bytes=2000");
  const large = await ask("PUT", "/kv/a", { body: Buffer.alloc(2001) });
  assert.deepEqual([large.status, problem(large.text)], [413, ["ResourceExhausted", 8]]);
  // With its key it is a larger request than is taken.
  const withKey = await ask("PUT", "/kv/a", { body: Buffer.alloc(2000) });
  assert.deepEqual([withKey.status, problem(withKey.text)], [413, ["InvalidArgument", 3]]);
  const request = open("PUT", "/kv/a", { "Transfer-Encoding": "chunked" });
  const status = new Promise<number>((resolve, reject) => {
    request.on("response", (response) => resolve(response.resume().statusCode!)).on("error", reject);
  });
  for (let i = 0; i < 5; i++) request.write(Buffer.alloc(1000));
  request.end();
  assert.equal(await status, 413);
  assert.equal((await ask("PUT", "/kv/a", { body: Buffer.alloc(1900) })).status, 200);
});

test("without the gateway there are no keys, either", async (t) => {
  const { ask } = await startKeys(t, "--enable-grpc-gateway=false");
  assert.equal((await ask("GET", "/kv/a")).status, 404);
});

test("pages of other origins may use conditions and read what they are told, as far as they may ask at all", async (t) => {
  const { ask }: Keys = await startKeys(t, "--cors=http://a.example:80");
  const asked = await ask("OPTIONS", "/kv/a", { headers: { Origin: "http://a.example:80" } });
  assert.equal(asked.status, 200);
  assert.match(asked.headers["access-control-allow-headers"]!, /if-match, if-none-match, last-event-id/);
  assert.match(asked.headers["access-control-allow-methods"]!, /PUT, DELETE/);
  const got = await ask("GET", "/kv/a", { headers: { Origin: "http://a.example:80" } });
  assert.match(got.headers["access-control-expose-headers"]!, /^ETag, Quorate-Version/);
  const other = await ask("GET", "/kv/a", { headers: { Origin: "http://b.example" } });
  assert.equal(other.headers["access-control-allow-origin"], undefined);
});

test("the host has to be one of the member's names", async (t) => {
  const { ask } = await startKeys(t, "--host-whitelist=a.example");
  assert.equal((await ask("GET", "/kv/a")).status, 421);
  assert.equal((await ask("GET", "/kv/a", { headers: { Host: "a.example" } })).status, 404);
});
