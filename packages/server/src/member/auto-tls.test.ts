import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { after } from "node:test";
import tls from "node:tls";
import { GrpcClient } from "@quorate/rpc/client";
import { freePorts } from "@quorate/testkit/ports";
import { parseFlags } from "../config/parse-flags.ts";
import { makeServerConfig } from "../config/server-config.ts";
import { Member } from "./member.ts";
import { connect, get, put } from "./testing.ts";

const root = mkdtempSync(path.join(tmpdir(), "quorate-auto-tls-"));
after(() => rmSync(root, { recursive: true, force: true }));

const start = (args: readonly string[]) => Member.start(makeServerConfig(parseFlags(args, {})));

test("a member serves clients with the certificate it made, and with the same one after a restart", async () => {
  const dataDir = path.join(root, "single");
  const startAgain = () =>
    start([
      "--auto-tls",
      `--data-dir=${dataDir}`,
      "--listen-client-urls=https://127.0.0.1:0",
      "--advertise-client-urls=https://127.0.0.1:0",
      "--listen-peer-urls=http://127.0.0.1:0",
    ]);
  const certFile = path.join(dataDir, "fixtures/client/cert.pem");
  const serials: string[] = [];
  for (const value of ["first", "second"]) {
    await using member = await startAgain();
    const ca = readFileSync(certFile);
    serials.push(new X509Certificate(ca).serialNumber);
    // Who has the certificate can verify the member by it.
    const client = await GrpcClient.connect({ address: new URL(member.clientUrls[0]!).host, tls: { ca } });
    const found = (await get(client, "k")).kvs.map((kv) => Buffer.from(kv.value).toString());
    await put(client, "k", value);
    client.close();
    assert.deepEqual(found, value === "first" ? [] : ["first"]);
  }
  assert.equal(serials[0], serials[1]);
});

test("three members with certificates of their own making form a cluster", async () => {
  const ports = await freePorts(3);
  const cluster = ports.map((port, i) => `m${i}=https://127.0.0.1:${port}`).join(",");
  const directory = (i: number) => path.join(root, `cluster-m${i}`);
  const members = await Promise.all(
    ports.map((port, i) =>
      start([
        "--peer-auto-tls",
        `--name=m${i}`,
        `--data-dir=${directory(i)}`,
        `--listen-peer-urls=https://127.0.0.1:${port}`,
        `--initial-advertise-peer-urls=https://127.0.0.1:${port}`,
        `--initial-cluster=${cluster}`,
        "--listen-client-urls=http://127.0.0.1:0",
        "--advertise-client-urls=http://127.0.0.1:0",
        "--heartbeat-interval=50",
        "--election-timeout=500",
      ]),
    ),
  );
  await using cleanup = new AsyncDisposableStack();
  for (const member of members) cleanup.use(member);
  const clients = await Promise.all(members.map(connect));
  for (const client of clients) cleanup.defer(() => client.close());
  await put(clients[0]!, "k", "v");
  for (const client of clients)
    assert.equal(Buffer.from((await get(client, "k")).kvs[0]!.value).toString(), "v");

  const presented = await Promise.all(ports.map(serialPresentedAt));
  const made = ports.map((_, i) => readFileSync(path.join(directory(i), "fixtures/peer/cert.pem")));
  assert.deepEqual(
    presented,
    made.map((certificate) => new X509Certificate(certificate).serialNumber),
  );
  assert.equal(new Set(presented).size, 3);
});

function serialPresentedAt(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host: "127.0.0.1", port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()!.serialNumber);
      socket.destroy();
    });
    socket.once("error", reject);
  });
}

test("a damaged file ends the start with its name", async () => {
  const dataDir = path.join(root, "damaged");
  const args = [
    "--peer-auto-tls",
    `--data-dir=${dataDir}`,
    "--listen-peer-urls=https://127.0.0.1:0",
    "--listen-client-urls=http://127.0.0.1:0",
    "--advertise-client-urls=http://127.0.0.1:0",
  ];
  await (await start(args)).close();
  const keyFile = path.join(dataDir, "fixtures/peer/key.pem");
  writeFileSync(keyFile, "x");
  await assert.rejects(start(args), (error: Error) => error.message.includes(keyFile));
});
