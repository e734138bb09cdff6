import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import http from "node:http";
import http2 from "node:http2";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { after } from "node:test";
import { GrpcClient } from "@quorate/rpc/client";
import { freePorts } from "@quorate/testkit/ports";
import { parseFlags } from "../config/parse-flags.ts";
import { makeServerConfig } from "../config/server-config.ts";
import { Member } from "./member.ts";
import { get, put } from "./testing.ts";

const root = mkdtempSync(path.join(tmpdir(), "quorate-client-port-"));
after(() => rmSync(root, { recursive: true, force: true }));

const start = (name: string, ...args: string[]) =>
  Member.start(
    makeServerConfig(
      parseFlags(
        [`--data-dir=${path.join(root, name)}`, "--listen-peer-urls=http://127.0.0.1:0", ...args],
        {},
      ),
    ),
  );

test("an address that is given with both schemes serves both", async () => {
  const [port] = (await freePorts(1)) as [number];
  const urls = `http://localhost:${port},https://localhost:${port}`;
  await using _member = await start(
    "both",
    "--auto-tls",
    `--listen-client-urls=${urls}`,
    `--advertise-client-urls=${urls}`,
  );
  const ca = readFileSync(path.join(root, "both/fixtures/client/cert.pem"));
  const secure = await GrpcClient.connect({ address: `localhost:${port}`, tls: { ca } });
  const plain = await GrpcClient.connect({ address: `localhost:${port}` });
  await put(secure, "k", "v");
  assert.equal(Buffer.from((await get(plain, "k")).kvs[0]!.value).toString(), "v");
  assert.equal((await fetch(`http://localhost:${port}/health`)).status, 200);
  secure.close();
  plain.close();
});

const upgrades: { name: string; path: string; headers: Record<string, string>; want: number }[] = [
  { name: "a websocket elsewhere", path: "/version", headers: { Upgrade: "websocket" }, want: 200 },
  { name: "a websocket where nothing is", path: "/nothing", headers: { Upgrade: "websocket" }, want: 404 },
  {
    name: "a websocket to a path to be cleaned",
    path: "/v3//watch",
    headers: { Upgrade: "websocket" },
    want: 307,
  },
  { name: "another protocol", path: "/v3/watch", headers: { Upgrade: "x" }, want: 501 },
  {
    name: "a websocket among others, with its key",
    path: "/v3/watch",
    headers: websocketHeaders(),
    want: 101,
  },
];

function websocketHeaders(): Record<string, string> {
  const headers = { "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==" };
  return { ...headers, Upgrade: "x, WebSocket" };
}

test("only a websocket into the gateway is one, whatever asks to be upgraded is answered", async () => {
  await using member = await start(
    "upgrades",
    "--listen-client-urls=http://127.0.0.1:0",
    "--advertise-client-urls=http://127.0.0.1:0",
  );
  for (const { name, path: target, headers, want } of upgrades) {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const request = http.get(`${member.clientUrls[0]}${target}`, {
        headers: { Connection: "Upgrade", ...headers },
        agent: false,
      });
      request.on("response", (response) => resolve(response.resume().statusCode));
      request.on("upgrade", (response, socket) => {
        socket.destroy();
        resolve(response.statusCode);
      });
      request.on("error", reject);
    });
    assert.equal(status, want, name);
  }
});

test("over HTTP/2 paths and headers are read as over HTTP/1.1", async (t) => {
  await using member = await start(
    "http2",
    "--auto-tls",
    "--listen-client-urls=https://127.0.0.1:0",
    "--advertise-client-urls=https://127.0.0.1:1",
  );
  const session = http2.connect(member.clientUrls[0]!, {
    rejectUnauthorized: false,
    maxSendHeaderBlockLength: 2_000_000,
  });
  t.after(() => session.destroy());
  const ask = (headers: http2.OutgoingHttpHeaders) =>
    new Promise<http2.IncomingHttpHeaders>((resolve, reject) => {
      session.request(headers).on("response", resolve).on("error", reject).resume();
    });
  const redirected = await ask({ ":path": "//version?a" });
  assert.deepEqual([redirected[":status"], redirected.location], [307, "/version?a"]);
  assert.equal((await ask({ ":path": "/v3/kv%2Frange" }))[":status"], 501);
  assert.equal((await ask({ ":path": "/version%zz" }))[":status"], 400);
  assert.equal((await ask({ ":path": "/version", "x-large": "v".repeat(1_000_000) }))[":status"], 200);
  assert.equal((await ask({ ":path": "/version", "x-large": "v".repeat(1_100_000) }))[":status"], 431);
  assert.equal((await ask({ ":path": "/%76ersion" }))[":status"], 200);
});

test("a client that offers HTTP/2 on plaintext is answered in HTTP/1.1, as etcd does", async () => {
  await using member = await start(
    "offer",
    "--listen-client-urls=http://127.0.0.1:0",
    "--advertise-client-urls=http://127.0.0.1:0",
  );
  const body = JSON.stringify({ key: "YQ==" });
  // What curl --http2 sends.
  const headers = {
    Connection: "Upgrade, HTTP2-Settings",
    Upgrade: "h2c",
    "HTTP2-Settings": "AAMAAABkAAQCAAAAAAIAAAAA",
    "Content-Length": body.length,
  };
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    const url = `${member.clientUrls[0]}/v3/kv/range`;
    http.request(url, { method: "POST", headers, agent: false }, resolve).on("error", reject).end(body);
  });
  assert.equal(response.statusCode, 200);
  const text = Buffer.concat(await response.toArray()).toString();
  assert.equal(JSON.parse(text).header.revision, "1");
});

interface DebugVars {
  readonly cmdline: readonly string[];
  readonly memstats: Readonly<Record<string, number>>;
  readonly "raft.status": {
    readonly raftState: string;
    readonly id: string;
    readonly lead: string;
    readonly progress: object;
  };
}

test("the process and its raft tell of themselves, as programs in Go do", async () => {
  await using member = await start(
    "vars",
    "--listen-client-urls=http://127.0.0.1:0",
    "--advertise-client-urls=http://127.0.0.1:0",
  );
  const response = await fetch(`${member.clientUrls[0]}/debug/vars`);
  assert.equal(response.headers.get("content-type"), "application/json; charset=utf-8");
  const vars = (await response.json()) as DebugVars;
  assert.deepEqual(vars.cmdline, process.argv);
  assert.ok(vars.memstats.HeapAlloc! > 0 && vars.memstats.Sys! >= vars.memstats.HeapAlloc!);
  const { raftState, id, lead, progress } = vars["raft.status"];
  assert.deepEqual([raftState, lead, Object.keys(progress)], ["StateLeader", id, [id]]);
});
