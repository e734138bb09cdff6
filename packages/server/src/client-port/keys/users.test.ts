import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import http2 from "node:http2";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type TestContext } from "node:test";
import { until } from "@quorate/testkit/wait";
import { readEvents, startKeys } from "./keys.testing.ts";

const b64 = (text: string) => Buffer.from(text).toString("base64");
const basic = (user: string, password: string) => ({ Authorization: `Basic ${b64(`${user}:${password}`)}` });

/** A member with root, and with ann, who may read and write what begins with `a/`. */
async function startWithUsers(t: TestContext, ...flags: string[]) {
  const keys = await startKeys(t, "--bcrypt-cost=4", ...flags);
  const { call } = keys;
  for (const [name, password] of [
    ["root", "secret"],
    ["ann", "a:b ü"],
  ]) {
    await call("auth/user/add", { name, password });
  }
  for (const name of ["root", "of-ann"]) await call("auth/role/add", { name });
  await call("auth/role/grant", {
    name: "of-ann",
    perm: { permType: "READWRITE", key: b64("a/"), range_end: b64("a0") },
  });
  await call("auth/user/grant", { user: "root", role: "root" });
  await call("auth/user/grant", { user: "ann", role: "of-ann" });
  await call("auth/enable", {});
  return keys;
}

test("users name themselves with a password or a token, and get what they may have", async (t) => {
  const { ask, call } = await startWithUsers(t);
  const { token } = await call("auth/authenticate", { name: "ann", password: "a:b ü" });
  const ways = [basic("ann", "a:b ü"), { Authorization: token }, { Authorization: `Bearer ${token}` }];
  for (const headers of ways) {
    assert.equal((await ask("PUT", "/kv/a/1", { headers, body: "x" })).status, 200);
    assert.equal(
      (await ask("PUT", "/kv/a/1", { headers: { ...headers, "If-Match": "*" }, body: "x" })).status,
      200,
    );
    assert.equal((await ask("GET", "/kv/a/1", { headers })).text, "x");
    assert.equal((await ask("GET", "/kv/a/?prefix", { headers })).headers["quorate-count"], "1");
    const denied = [
      ["GET", "/kv/b"],
      ["GET", "/kv/?prefix"],
      ["GET", "/kv/?prefix&limit=1"],
      ["GET", "/kv/b?watch"],
      ["PUT", "/kv/b"],
      ["DELETE", "/kv/b"],
      ["DELETE", "/kv/?prefix"],
    ] as const;
    for (const [method, target] of denied) {
      const { status, text } = await ask(method, target, { headers });
      assert.deepEqual([status, JSON.parse(text).error], [403, "PermissionDenied"], `${method} ${target}`);
    }
  }
});

test("who is nobody, or somebody else, is asked who it is", async (t) => {
  const { ask } = await startWithUsers(t);
  const others = [
    {},
    basic("ann", "wrong"),
    basic("nobody", "a:b ü"),
    { Authorization: "Basic !" },
    { Authorization: "Bearer wrong" },
  ];
  for (const headers of others) {
    for (const target of ["/kv/a/1", "/kv/a/?prefix", "/kv/a/1?watch"]) {
      const answer = await ask("GET", target, { headers });
      assert.equal(answer.status, 401, JSON.stringify(headers) + target);
      assert.equal(answer.headers["www-authenticate"], 'Basic realm="quorate", charset="UTF-8"');
    }
  }
});

test("a password is compared once, as long as its token holds", async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "quorate-keys-audit-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const auditLog = path.join(folder, "audit.log");
  const { ask, call } = await startWithUsers(t, `--audit-log=${auditLog}`, "--audit-log-keys=plain");
  const ann = basic("ann", "a:b ü");
  for (let i = 0; i < 5; i++)
    assert.equal((await ask("PUT", `/kv/a/${i}`, { headers: ann, body: "x" })).status, 200);
  await ask("GET", "/kv/b", { headers: ann });
  const lines = () =>
    readFileSync(auditLog, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line));
  await until(() => lines().some(({ method, outcome }) => /Range$/.test(method) && outcome !== "ok"));
  const of = (name: string) => lines().filter(({ method }) => method.endsWith(`/${name}`));
  assert.equal(of("Authenticate").length, 1);
  assert.deepEqual(
    of("Put").map(({ user }) => user),
    Array(5).fill("ann"),
  );
  // A password that was changed is none any more, whatever is remembered.
  const root = {
    Authorization: (await call("auth/authenticate", { name: "root", password: "secret" })).token,
  };
  await call("auth/user/changepw", { name: "ann", password: "new" }, root);
  assert.equal((await ask("GET", "/kv/a/1", { headers: ann })).status, 401);
  assert.equal((await ask("GET", "/kv/a/1", { headers: basic("ann", "new") })).status, 200);
});

test("a watch is its user's", async (t) => {
  const keys = await startWithUsers(t);
  const stream = readEvents(t, keys, "/kv/a/?watch&prefix", basic("ann", "a:b ü"));
  await stream.started();
  await keys.ask("PUT", "/kv/a/1", { headers: basic("ann", "a:b ü"), body: "x" });
  await stream.has(1);
  assert.equal(stream.events[0]!.event, "put");
});

test("over HTTP/2 keys are asked for in the same way", async (t) => {
  const { member } = await startKeys(
    t,
    "--auto-tls",
    "--listen-client-urls=https://127.0.0.1:0",
    "--advertise-client-urls=https://127.0.0.1:1",
  );
  const session = http2.connect(member.clientUrls[0]!, { rejectUnauthorized: false });
  t.after(() => session.destroy());
  const ask = (
    method: string,
    target: string,
    headers: http2.OutgoingHttpHeaders = {},
    body?: string | Buffer,
  ) =>
    new Promise<{ status: number; headers: http2.IncomingHttpHeaders; text: string }>((resolve, reject) => {
      const stream = session.request({ ":method": method, ":path": target, ...headers });
      stream.on("error", reject);
      stream.on("response", (got) => {
        stream.toArray().then((chunks: Buffer[]) => {
          resolve({ status: got[":status"]!, headers: got, text: Buffer.concat(chunks).toString() });
        }, reject);
      });
      stream.end(body);
    });
  assert.equal((await ask("PUT", "/kv//a/../%C3%BC", {}, "hello")).status, 200);
  const got = await ask("GET", "/kv//a/../%C3%BC");
  assert.deepEqual([got.status, got.text, got.headers.etag], [200, "hello", '"2"']);
  const large = "x".repeat(1_500_000);
  assert.equal((await ask("PUT", "/kv/large", {}, large)).status, 200);
  assert.equal((await ask("GET", "/kv/large")).text, large);
  assert.equal((await ask("PUT", "/kv/large", {}, Buffer.alloc(2_000_000))).status, 413);
  assert.equal((await ask("GET", "/kv/large", { "if-none-match": '"3"' })).status, 304);
  const head = await ask("HEAD", "/kv/large");
  assert.deepEqual([head.status, head.text, head.headers["content-length"]], [200, "", "1500000"]);
  assert.equal(JSON.parse((await ask("GET", "/kv/?prefix", { accept: "application/json" })).text).length, 2);
  assert.equal((await ask("POST", "/kv/a")).headers.allow, "GET, HEAD, PUT, DELETE, OPTIONS");
  const stream = session.request({ ":path": "/kv/w?watch" });
  t.after(() => stream.destroy());
  let text = "";
  stream.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  await until(() => text.includes(": watching"));
  await ask("PUT", "/kv/w", {}, "1");
  await until(() => text.includes("id: 4\nevent: put\n"));
});
