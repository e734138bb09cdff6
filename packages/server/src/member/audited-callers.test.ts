import assert from "node:assert/strict";
import http from "node:http";
import path from "node:path";
import test from "node:test";
import { until } from "@quorate/testkit/wait";
import { encode } from "@quorate/wire";
import { AuthUserChangePasswordRequestSchema } from "@quorate/wire/etcdserverpb";
import { LockRequestSchema } from "@quorate/wire/v3lockpb";
import { WebSocket } from "ws";
import { connectTo, start } from "./audited-member.testing.ts";
import { addUser, login, mustDo, overGrpc } from "./ways-to-ask.testing.ts";

/** What a client says of itself, and nobody else. */
const FORGED = { "x-forwarded-for": "10.0.0.1", "grpc-metadata-x-forwarded-for": "10.0.0.2" };

test("who asks over JSON comes from where its socket does, whatever its headers say", async (t) => {
  const flags = ["--audit-log=FILE", "--listen-client-urls=http://127.0.0.1:0,unix://DIR/client.sock"];
  const { begin, directory, linesOf } = await start(t, flags);
  await using member = await begin();
  const ask = (options: http.RequestOptions) =>
    new Promise<number | undefined>((resolve, reject) => {
      const asked = http.request({ ...options, path: "/v3/kv/range", method: "POST", headers: FORGED });
      asked.on("response", (response) => {
        response.resume().on("end", () => resolve(response.statusCode));
      });
      asked.on("error", reject).end('{"key":"YQ=="}');
    });
  const { hostname, port } = new URL(member.clientUrls[0]!);
  assert.equal(await ask({ hostname, port }), 200);
  assert.equal(await ask({ socketPath: path.join(directory, "client.sock") }), 200);
  const addresses = (await linesOf("KV/Range", 2)).map(({ address, protocol }) => [address, protocol]);
  assert.deepEqual(addresses, [
    ["127.0.0.1", "json"],
    ["", "json"],
  ]);
  const socket = new WebSocket(`ws://${hostname}:${port}/v3/watch`, { headers: FORGED });
  t.after(() => socket.terminate());
  socket.on("open", () => socket.send('{"create_request":{"key":"YQ=="}}'));
  const [watcher] = await linesOf("Watch/Watch", 1);
  assert.deepEqual([watcher!.address, watcher!.protocol], ["127.0.0.1", "json"]);
});

test("who ends what its own token holds for is named: by a password of its own, or without authentication", async (t) => {
  const flags = ["--audit-log=FILE", "--listen-client-urls=http://127.0.0.1:0"];
  const { begin, linesOf } = await start(t, flags);
  await using member = await begin();
  const grpc = await connectTo(member);
  t.after(() => grpc.close());
  const ask = overGrpc(grpc);
  await addUser(ask, "root", []);
  await mustDo(ask, "Auth/AuthEnable");
  const change = encode(AuthUserChangePasswordRequestSchema, { name: "root", password: "other" });
  await mustDo(ask, "Auth/UserChangePassword", change, await login(ask, "root"));
  await mustDo(ask, "Auth/AuthDisable", undefined, await login(ask, "root", "other"));
  const [changed] = await linesOf("Auth/UserChangePassword", 1);
  const [disabled] = await linesOf("Auth/AuthDisable", 1);
  assert.deepEqual([changed!.user, changed!.result], ["root", "OK"]);
  assert.deepEqual([disabled!.user, disabled!.result], ["root", "OK"]);
});

test("a lock over JSON is one line, from where its client is, and denied once", async (t) => {
  const flags = [
    "--audit-log=FILE",
    "--log-denials",
    "--audit-log-keys=plain",
    "--listen-client-urls=http://127.0.0.1:0",
  ];
  const { begin, lines } = await start(t, flags);
  await using member = await begin();
  const [url] = member.clientUrls;
  const grpc = await connectTo(member);
  t.after(() => grpc.close());
  const ask = overGrpc(grpc);
  await addUser(ask, "root", []);
  await addUser(ask, "u", [[2, "may/", "may0"]]);
  await mustDo(ask, "Auth/AuthEnable");
  const token = await login(ask, "u");
  // Those of the calls that make the users are no matter here.
  const others = () => lines().filter((line) => !line.method.startsWith("/etcdserverpb.Auth/"));
  const lock = async (name: string) => {
    const body = JSON.stringify({ name: Buffer.from(name).toString("base64") });
    return (await fetch(`${url}/v3/lock/lock`, { method: "POST", headers: { authorization: token }, body }))
      .status;
  };
  assert.deepEqual([await lock("may"), await lock("may not")], [200, 403]);
  await assert.rejects(
    grpc.unary("/v3lockpb.Lock/Lock", encode(LockRequestSchema, { name: Buffer.from("n") })),
  );
  await until(() => others().length >= 3);
  const told = others().map(({ method, user, address, protocol, result }) => [
    method,
    user,
    protocol === "json" ? address : protocol,
    result,
  ]);
  const method = "/v3lockpb.Lock/Lock";
  assert.deepEqual(told, [
    [method, "u", "127.0.0.1", "OK"],
    [method, "u", "127.0.0.1", "PermissionDenied"],
    [method, "", "grpc", "InvalidArgument"],
  ]);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  assert.match(metrics, /^quorate_denied_requests_total\{reason="permission_denied"\} 1$/m);
  assert.match(metrics, /^quorate_denied_requests_total\{reason="user_name_empty"\} 1$/m);
});
