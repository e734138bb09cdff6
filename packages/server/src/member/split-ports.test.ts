import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import http2 from "node:http2";
import https from "node:https";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { after, type TestContext } from "node:test";
import { GrpcClient } from "@quorate/rpc/client";
import { Code, GrpcError } from "@quorate/rpc/status";
import { freePorts } from "@quorate/testkit/ports";
import { parseFlags } from "../config/parse-flags.ts";
import { makeServerConfig } from "../config/server-config.ts";
import type { Logger } from "../log/logger.ts";
import { makeCertificate, writeTls } from "../tls/testing.ts";
import { Member, type MemberHooks } from "./member.ts";
import { get, put } from "./testing.ts";

const root = mkdtempSync(path.join(tmpdir(), "quorate-split-ports-"));
after(() => rmSync(root, { recursive: true, force: true }));

const start = (name: string, args: readonly string[], hooks: MemberHooks = {}) =>
  Member.start(
    makeServerConfig(
      parseFlags(
        [
          `--data-dir=${path.join(root, name)}`,
          "--listen-peer-urls=http://127.0.0.1:0",
          "--advertise-client-urls=http://127.0.0.1:1",
          ...args,
        ],
        {},
      ),
    ),
    hooks,
  );

const isRefused = (asked: Promise<unknown>) =>
  asked.then(
    () => false,
    () => true,
  );

test("with URLs for HTTP alone the others serve gRPC alone", async () => {
  await using member = await start("plain", [
    "--listen-client-urls=http://127.0.0.1:0",
    "--listen-client-http-urls=http://127.0.0.1:0",
  ]);
  const [grpcUrl] = member.clientUrls as [string];
  const [httpUrl] = member.clientHttpUrls as [string];
  const client = await GrpcClient.connect({ address: new URL(grpcUrl).host });
  await put(client, "k", "v");
  client.close();
  for (const target of ["/health", "/version", "/metrics", "/debug/vars"]) {
    assert.equal((await fetch(`${httpUrl}${target}`)).status, 200, target);
    assert.equal(await isRefused(fetch(`${grpcUrl}${target}`)), true, target);
  }
  const request = { method: "POST", body: JSON.stringify({ key: "aw==" }) };
  const answer = await fetch(`${httpUrl}/v3/kv/range`, request);
  assert.equal(((await answer.json()) as { count: string }).count, "1");
  const connected = GrpcClient.connect({ address: new URL(httpUrl).host }).then((other) =>
    get(other, "k").finally(() => other.close()),
  );
  assert.equal(await isRefused(connected), true, "gRPC where HTTP is served");
});

test("over TLS each port speaks HTTP/2, and only its own part of it", async (t) => {
  await using member = await start("secure", [
    "--auto-tls",
    "--listen-client-urls=https://127.0.0.1:0",
    "--listen-client-http-urls=https://127.0.0.1:0",
  ]);
  const ca = readFileSync(path.join(root, "secure/fixtures/client/cert.pem"));
  const statusAt = (url: string, target: string) => {
    const session = http2.connect(url, { ca });
    t.after(() => session.destroy());
    return new Promise<number | undefined>((resolve, reject) => {
      const request = session.request({ ":path": target });
      request
        .on("response", (headers) => resolve(headers[":status"]))
        .on("error", reject)
        .resume();
    });
  };
  const [grpcUrl] = member.clientUrls as [string];
  const [httpUrl] = member.clientHttpUrls as [string];
  assert.equal(await statusAt(httpUrl, "/health"), 200);
  assert.equal(await statusAt(grpcUrl, "/health"), 415);
  const clientOf = (url: string) => GrpcClient.connect({ address: new URL(url).host, tls: { ca } });
  const client = await clientOf(grpcUrl);
  await put(client, "k", "v");
  client.close();
  const other = await clientOf(httpUrl);
  await assert.rejects(
    get(other, "k"),
    (error) => error instanceof GrpcError && error.code === Code.UNIMPLEMENTED,
  );
  other.close();
});

test("metrics and health have further URLs, where nothing else is", async () => {
  await using member = await start("metrics", [
    "--listen-client-urls=http://127.0.0.1:0",
    "--listen-metrics-urls=http://127.0.0.1:0",
  ]);
  const [url] = member.metricsUrls as [string];
  for (const target of ["/metrics", "/health", "/livez", "/readyz?verbose", "/readyz/linearizable_read"]) {
    const answer = await fetch(`${url}${target}`);
    assert.equal(answer.status, 200, `${target}: ${await answer.text()}`);
  }
  for (const target of ["/version", "/debug/vars", "/v3/kv/range", "/members", "/"]) {
    assert.equal((await fetch(`${url}${target}`)).status, 404, target);
  }
});

test("health is answered at its own URL before clients are served", async () => {
  const [metricsPort, ...peerPorts] = (await freePorts(3)) as [number, number, number];
  const url = `http://127.0.0.1:${metricsPort}`;
  const peerUrls = peerPorts.map((port) => `http://127.0.0.1:${port}`);
  const startOne = (name: "a" | "b", hooks: MemberHooks, ...args: string[]) => {
    const peerUrl = peerUrls[name === "a" ? 0 : 1]!;
    return start(
      name,
      [
        `--name=${name}`,
        "--listen-client-urls=http://127.0.0.1:0",
        `--listen-peer-urls=${peerUrl}`,
        `--initial-advertise-peer-urls=${peerUrl}`,
        `--initial-cluster=a=${peerUrls[0]},b=${peerUrls[1]}`,
        ...args,
      ],
      hooks,
    );
  };
  let note = (_line: string) => {};
  const serving = new Promise<void>((resolve) => {
    note = (line) => {
      if (line === "serving metrics") resolve();
    };
  });
  const logger: Logger = {
    debug: note,
    info: note,
    warn: note,
    error: note,
    fatal: note,
    for: () => logger,
  };
  const starting = startOne("a", { logger }, `--listen-metrics-urls=${url}`);
  await Promise.race([serving, starting]);
  const ask = (target: string) =>
    fetch(`${url}${target}`).then(
      async (answer) => ({ status: answer.status, text: await answer.text() }),
      () => ({ status: undefined, text: "" }),
    );
  const early = await Promise.all(["/health", "/livez", "/metrics"].map(ask));
  // Whatever was answered: a member alone would wait for the other one for ever.
  await using _other = await startOne("b", {});
  await using _member = await starting;
  const [health, ...others] = early;
  assert.deepEqual(health, { status: 503, text: '{"health":"false","reason":"RAFT NO LEADER"}\n' });
  for (const { status } of others) assert.equal(status, 200);
  assert.deepEqual(await ask("/health"), { status: 200, text: '{"health":"true","reason":""}' });
});

interface Judged {
  readonly name: string;
  readonly names: readonly string[];
  readonly status: number | undefined;
}
const judged: readonly Judged[] = [
  { name: "of this address", names: ["127.0.0.1"], status: 200 },
  { name: "of another address", names: ["10.0.0.1"], status: undefined },
];

test("where metrics are served over TLS a certificate is good from the addresses that it names", async (t) => {
  const ca = makeCertificate({ commonName: "ca", isCa: true });
  const server = makeCertificate({ commonName: "server", issuer: ca, names: ["127.0.0.1"] });
  const { settings } = writeTls(t, server, ca);
  await using member = await start("secure-metrics", [
    "--listen-client-urls=http://127.0.0.1:0",
    "--listen-metrics-urls=https://127.0.0.1:0",
    `--cert-file=${settings.certFile}`,
    `--key-file=${settings.keyFile}`,
    `--trusted-ca-file=${settings.trustedCaFile}`,
  ]);
  for (const { name, names, status } of judged) {
    const { certPem, keyPem } = makeCertificate({ commonName: "client", issuer: ca, names });
    assert.equal(await healthOver(t, member.metricsUrls[0]!, { cert: certPem, key: keyPem }), status, name);
  }
});

/** The status that is answered to whoever has this certificate; undefined when it is let in nowhere. */
function healthOver(
  t: TestContext,
  url: string,
  identity: { readonly cert: string; readonly key: string },
): Promise<number | undefined> {
  return new Promise((resolve) => {
    const agent = new https.Agent({ keepAlive: false });
    t.after(() => agent.destroy());
    https
      .get(`${url}/health`, { ...identity, agent, rejectUnauthorized: false }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
      .on("error", () => resolve(undefined));
  });
}
