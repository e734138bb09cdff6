import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { after } from "node:test";
import { GrpcClient } from "@quorate/rpc";
import { parseFlags } from "../config/parse-flags.ts";
import { makeServerConfig } from "../config/server-config.ts";
import { Member } from "./member.ts";
import { freePorts, get, put } from "./testing.ts";

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
