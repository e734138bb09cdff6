import assert from "node:assert/strict";
import test from "node:test";
import { GrpcClient } from "@quorate/rpc/client";
import { decode, encode } from "@quorate/wire";
import {
  AuthUserGrantRoleRequestSchema,
  LeaseGrantRequestSchema,
  LeaseKeepAliveRequestSchema,
  PutRequestSchema,
  PutResponseSchema,
  RangeRequestSchema,
  TxnRequestSchema,
  WatchRequestSchema,
} from "@quorate/wire/etcdserverpb";
import { type LogFields, type Logger, silentLogger } from "../log/logger.ts";
import { makeCertificate } from "../tls/testing.ts";
import { connectTo, start } from "./audited-member.testing.ts";
import { addUser, login, mustDo, overGrpc, overJson } from "./ways-to-ask.testing.ts";

const key = (text: string) => Buffer.from(text);
const put = (name: string, more: object = {}) =>
  encode(PutRequestSchema, { key: key(name), value: key("planted-value"), ...more });
const range = (name: string) => encode(RangeRequestSchema, { key: key(name) });

test("each call is a line: who, from where, what of which keys, and what became of it", async (t) => {
  const flags = ["--audit-log=FILE", "--audit-log-keys=plain", "--listen-client-urls=http://127.0.0.1:0"];
  const { begin, linesOf, lines } = await start(t, flags);
  await using member = await begin();
  const grpc = await connectTo(member);
  t.after(() => grpc.close());
  const ask = overGrpc(grpc);
  await addUser(ask, "root", []);
  await addUser(ask, "u", [[2, "foo", ""]]);
  await mustDo(ask, "Auth/AuthEnable");
  const token = await login(ask, "u");
  const json = overJson(member.clientUrls[0]!);
  const { header } = decode(PutResponseSchema, await mustDo(ask, "KV/Put", put("foo"), token));
  assert.equal((await json("KV/Put", put("bar"), token)).failure, "PERMISSION_DENIED");
  assert.equal((await ask("KV/Put", put("foo"))).failure, "USER_NAME_EMPTY");
  const [done, denied, anonymous] = await linesOf("KV/Put", 3);
  assert.match(String(done!.address), /^127\.0\.0\.1:\d+$/);
  assert.ok(Math.abs(Date.parse(String(done!.time)) - Date.now()) < 600_000);
  assert.deepEqual(
    { ...done, time: "", address: "" },
    {
      time: "",
      user: "u",
      address: "",
      protocol: "grpc",
      method: "/etcdserverpb.KV/Put",
      keys: [{ write: "foo" }],
      revision: Number(header!.revision),
      result: "OK",
    },
  );
  assert.deepEqual(
    [denied!.user, denied!.address, denied!.protocol, denied!.keys, denied!.result, denied!.reason],
    ["u", "127.0.0.1", "json", [{ write: "bar" }], "PermissionDenied", "etcdserver: permission denied"],
  );
  assert.deepEqual(
    [anonymous!.user, anonymous!.result, anonymous!.reason],
    ["", "InvalidArgument", "etcdserver: user name is empty"],
  );
  const [granted] = (await linesOf("Auth/UserGrantRole", 2)).slice(1);
  assert.deepEqual(granted!.about, { user: "u", role: "u" });
  const [loggedIn] = await linesOf("Auth/Authenticate", 1);
  assert.deepEqual([loggedIn!.user, loggedIn!.about], ["", { name: "u" }]);
  await mustDo(ask, "Lease/LeaseGrant", encode(LeaseGrantRequestSchema, { ID: 7n, TTL: 1_000n }), token);
  const success = [
    { request: { case: "requestRange", value: { key: key("foo"), rangeEnd: key("\0") } } },
    { request: { case: "requestPut", value: { key: key("foo"), lease: 7n } } },
  ];
  await ask("KV/Txn", encode(TxnRequestSchema, { compare: [{ key: key("foo") }], success } as never), token);
  const [txn] = await linesOf("KV/Txn", 1);
  assert.deepEqual(
    [txn!.keys, txn!.lease, txn!.result],
    [[{ read: "foo" }, { read: "foo", rangeEnd: "\0" }, { write: "foo" }], "7", "PermissionDenied"],
  );
  const many = Array.from({ length: 20 }, () => ({ key: key("foo") }));
  await mustDo(ask, "KV/Txn", encode(TxnRequestSchema, { compare: many }), token);
  const [, long] = await linesOf("KV/Txn", 2);
  assert.deepEqual([(long!.keys as unknown[]).length, long!.moreKeys], [16, 4]);
  for (const rangeEnd of ["", "\0"]) {
    const value = { key: key("foo"), rangeEnd: key(rangeEnd) };
    const request = encode(WatchRequestSchema, { requestUnion: { case: "createRequest", value } });
    await mustDo(ask, "Watch/Watch", request, token);
  }
  // A line for each watcher, and one for the end of each stream.
  const watches = await linesOf("Watch/Watch", 4);
  assert.deepEqual(
    watches.filter(({ keys }) => keys !== undefined).map(({ keys, result }) => [keys, result]),
    [
      [[{ read: "foo" }], "OK"],
      [[{ read: "foo", rangeEnd: "\0" }], "PermissionDenied"],
    ],
  );
  assert.deepEqual(
    watches.filter(({ keys }) => keys === undefined).map(({ user, result }) => [user, result]),
    Array.from({ length: 2 }, () => ["u", "Left: canceled"]),
  );
  await mustDo(ask, "Lease/LeaseKeepAlive", encode(LeaseKeepAliveRequestSchema, { ID: 7n }), token);
  const kept = await linesOf("Lease/LeaseKeepAlive", 2);
  assert.deepEqual(
    kept.map(({ lease, result }) => [lease, result]),
    [
      ["7", "Begun"],
      [undefined, "Left: canceled"],
    ],
  );
  const metrics = await (await fetch(`${member.clientUrls[0]}/metrics`)).text();
  assert.match(metrics, new RegExp(`^quorate_audit_records_total ${lines().length}$`, "m"));
});

test("neither values, passwords nor tokens are written down, and keys only by their hashes", async (t) => {
  const flags = ["--audit-log=FILE", "--listen-client-urls=http://127.0.0.1:0"];
  const { begin, linesOf, text } = await start(t, flags);
  await using member = await begin();
  const grpc = await connectTo(member);
  t.after(() => grpc.close());
  const ask = overGrpc(grpc);
  await addUser(ask, "root", []);
  const grant = encode(AuthUserGrantRoleRequestSchema, { user: "root", role: "root" });
  await mustDo(ask, "Auth/AuthEnable");
  const token = await login(ask, "root");
  await mustDo(ask, "Auth/UserGrantRole", grant, token);
  await mustDo(ask, "KV/Put", put("planted-key"), token);
  await ask("KV/Put", put("planted-key"), "planted-token");
  const [done] = await linesOf("KV/Put", 2);
  assert.deepEqual(done!.keys, [
    { write: "sha256:7eed545bde4b42fea364f19d59123e65db9751a5782f9a2c0d749fde4f39248d" },
  ]);
  assert.equal(/planted-\w+|\bpw\b|\$2a\$/.exec(text()), null);
  assert.equal(text().includes(token.slice(0, 16)), false);
});

test("who comes with a certificate is written down with the name in it", async (t) => {
  const ca = makeCertificate({ commonName: "ca", isCa: true });
  const own = makeCertificate({ commonName: "server", issuer: ca, names: ["127.0.0.1"] });
  const { begin, write, linesOf } = await start(t, ["--audit-log=FILE"]);
  await using member = await begin(
    `--cert-file=${write("server.pem", own.certPem)}`,
    `--key-file=${write("server.key", own.keyPem)}`,
    `--trusted-ca-file=${write("ca.pem", ca.certPem)}`,
    "--client-cert-auth",
    "--listen-client-urls=https://127.0.0.1:0",
  );
  const { certPem: cert, keyPem } = makeCertificate({ commonName: "someone", issuer: ca, names: [] });
  const tls = { cert, key: keyPem, rejectUnauthorized: false };
  const grpc = await GrpcClient.connect({ address: new URL(member.clientUrls[0]!).host, tls });
  t.after(() => grpc.close());
  await mustDo(overGrpc(grpc), "KV/Range", range("k"));
  const [line] = await linesOf("KV/Range", 1);
  assert.deepEqual([line!.certificate, line!.user, line!.result], ["someone", "someone", "OK"]);
});

test("denials are logged as far as that is not too much, and all are counted", async (t) => {
  const logged: LogFields[] = [];
  const warn = (message: string, fields: LogFields = {}) => {
    if (message === "a request was denied") logged.push(fields);
  };
  const logger: Logger = { ...silentLogger, warn, for: () => logger };
  const flags = ["--log-denials", "--listen-client-urls=http://127.0.0.1:0"];
  const { begin } = await start(t, flags, logger);
  await using member = await begin();
  const grpc = await connectTo(member);
  t.after(() => grpc.close());
  const ask = overGrpc(grpc);
  await addUser(ask, "root", []);
  await addUser(ask, "u", []);
  await mustDo(ask, "Auth/AuthEnable");
  const token = await login(ask, "u");
  assert.equal(logged.length, 0);
  await ask("KV/Range", range("planted-key"), token);
  await overJson(member.clientUrls[0]!)("KV/Range", range("planted-key"), "x.1");
  assert.deepEqual(
    logged.map((line) => [line.user, line.method, line.reason]),
    [
      ["u", "/etcdserverpb.KV/Range", "etcdserver: permission denied"],
      ["", "/etcdserverpb.KV/Range", "etcdserver: invalid auth token"],
    ],
  );
  const asked = 200;
  await Promise.all(Array.from({ length: asked }, () => ask("KV/Range", range("planted-key"))));
  assert.ok(logged.length < asked);
  assert.equal(/planted/.exec(JSON.stringify(logged)), null);
  const metrics = await (await fetch(`${member.clientUrls[0]}/metrics`)).text();
  assert.match(metrics, /^quorate_denied_requests_total\{reason="permission_denied"\} 1$/m);
  assert.match(metrics, /^quorate_denied_requests_total\{reason="invalid_auth_token"\} 1$/m);
  assert.match(
    metrics,
    new RegExp(`^quorate_denied_requests_total\\{reason="user_name_empty"\\} ${asked}$`, "m"),
  );
});

test("what is off says nothing, and a file that cannot be opened stops the start", async (t) => {
  const { begin } = await start(t, ["--listen-client-urls=http://127.0.0.1:0"]);
  {
    await using member = await begin();
    const metrics = await (await fetch(`${member.clientUrls[0]}/metrics`)).text();
    assert.equal(/quorate_(?:audit|denied)/.exec(metrics), null);
  }
  await assert.rejects(begin("--audit-log=/no/such/folder/audit.log"), /no\/such\/folder/);
});
