import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import https from "node:https";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { GrpcClient } from "@quorate/rpc/client";
import { freePorts } from "@quorate/testkit/ports";
import { parseFlags } from "../config/parse-flags.ts";
import { makeServerConfig } from "../config/server-config.ts";
import type { Logger } from "../log/logger.ts";
import { Member } from "./member.ts";
import { get, put } from "./testing.ts";

const root = mkdtempSync(path.join(tmpdir(), "quorate-early-clients-test-"));
after(() => rmSync(root, { recursive: true, force: true }));

/** Calls `run` when the log says `message` for the first time. */
function when(message: string, run: () => void): Logger {
  let isDone = false;
  const note = (line: string) => {
    if (line !== message || isDone) return;
    isDone = true;
    run();
  };
  const log: Logger = { debug: note, info: note, warn: note, error: note, fatal: note, for: () => log };
  return log;
}

const healthStatus = (url: string) =>
  fetch(`${url}/health`).then(
    ({ status }) => status,
    () => undefined,
  );

async function options(name: string, host = "127.0.0.1") {
  const [port] = await freePorts(1);
  const url = `http://${host}:${port}`;
  return {
    dataDir: path.join(root, name),
    listenPeerUrls: ["http://127.0.0.1:0"],
    listenClientUrls: [url],
    advertiseClientUrls: [url],
  };
}

test("clients that come before the member serves wait for it", async () => {
  const given = await options("early");
  const [url] = given.listenClientUrls;
  const asked: Promise<number | undefined>[] = [];
  let connecting: Promise<GrpcClient> | undefined;
  const logger = when("bootstrapping a new member", () => {
    asked.push(healthStatus(url!));
    connecting = GrpcClient.connect({ address: new URL(url!).host });
  });
  await using _member = await Member.start(given, { logger });
  assert.deepEqual(await Promise.all(asked), [200]);
  const client = await connecting!;
  await put(client, "k", "v");
  client.close();
});

test("so do clients that come with TLS", async () => {
  const { dataDir, listenPeerUrls, listenClientUrls } = await options("early-tls");
  const url = listenClientUrls[0]!.replace("http:", "https:");
  const { clientTls } = makeServerConfig(
    parseFlags(
      [`--data-dir=${dataDir}`, "--auto-tls", "--listen-client-urls", url, "--advertise-client-urls", url],
      {},
    ),
  );
  let asked: Promise<number | undefined> | undefined;
  const logger = when("bootstrapping a new member", () => {
    asked = new Promise((resolve) => {
      const request = https.get(`${url}/health`, { rejectUnauthorized: false, agent: false }, (response) =>
        resolve(response.resume().statusCode),
      );
      request.on("error", () => resolve(undefined));
    });
  });
  const given = { dataDir, listenPeerUrls, listenClientUrls: [url], advertiseClientUrls: [url], clientTls };
  await using _member = await Member.start(given, { logger });
  assert.equal(await asked, 200);
});

test("a start that fails leaves the port free and ends the connections that wait", async () => {
  const given = await options("fails");
  let asked: Promise<number | undefined> | undefined;
  const logger = when("bootstrapping a new member", () => {
    asked = healthStatus(given.listenClientUrls[0]!);
    throw new Error("the log is full");
  });
  await assert.rejects(Member.start(given, { logger }), /the log is full/);
  assert.equal(await asked, undefined);
  await using again = await Member.start(given);
  assert.deepEqual(again.clientUrls, given.listenClientUrls);
});

test("a port for clients that is in use is refused before any data is touched", async () => {
  await using member = await Member.start({ dataDir: path.join(root, "holder") });
  const dataDir = path.join(root, "late");
  await assert.rejects(
    Member.start({ dataDir, listenClientUrls: [...member.clientUrls], advertiseClientUrls: ["http://x:1"] }),
    /cannot listen on http:\/\/127\.0\.0\.1:\d+: the address is already in use/,
  );
  assert.equal(existsSync(dataDir), false);
});

test("any address is served over both families, to clients and members", async () => {
  const given = await options("any", "0.0.0.0");
  const advertised = { advertiseClientUrls: ["http://127.0.0.1:1"], listenPeerUrls: ["http://0.0.0.0:0"] };
  await using member = await Member.start({ ...given, ...advertised });
  const port = new URL(member.clientUrls[0]!).port;
  const peerPort = new URL(member.peerUrls[0]!).port;
  for (const host of ["127.0.0.1", "[::1]"]) {
    assert.equal(await healthStatus(`http://${host}:${port}`), 200, host);
    assert.equal((await fetch(`http://${host}:${peerPort}/version`)).status, 200, host);
  }
  const client = await GrpcClient.connect({ address: `127.0.0.1:${port}` });
  await put(client, "k", "v");
  assert.equal((await get(client, "k")).kvs.length, 1);
  client.close();
});
