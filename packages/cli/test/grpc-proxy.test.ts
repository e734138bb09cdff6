import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import https from "node:https";
import path from "node:path";
import { test } from "node:test";
import { Client } from "@quorate/client";
import { freePorts } from "@quorate/testkit/ports";
import { killAtExit, Server, temporaryDir } from "@quorate/testkit/process";
import { until } from "@quorate/testkit/wait";

const bin = path.resolve(import.meta.dirname, "../../../bin/etcd");

interface Started {
  readonly child: ChildProcess;
  readonly lines: () => string;
  readonly ended: Promise<[code: number | null, signal: NodeJS.Signals | null]>;
}

async function startProxy(args: readonly string[]): Promise<Started> {
  const child = spawn(bin, ["grpc-proxy", "start", ...args], { stdio: ["ignore", "ignore", "pipe"] });
  killAtExit(child);
  let text = "";
  child.stderr.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  const ended = new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
    child.once("exit", (code, signal) => resolve([code, signal]));
  });
  await until(() => text.includes("started gRPC proxy") || child.exitCode !== null);
  return { child, lines: () => text, ended };
}

/** Over TLS, from whoever answers. */
function getSecurely(url: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const request = https.get(url, { rejectUnauthorized: false }, async (response) => {
    let text = "";
    for await (const chunk of response) text += chunk;
    resolve(text);
  });
  request.on("error", reject);
  return promise;
}

test("the command serves with a certificate of its own, tells its health, registers, and takes that back", {
  timeout: 240_000,
}, async (t) => {
  const member = await Server.start({ command: [bin], startTimeoutMs: 120_000 });
  const direct = new Client({ endpoints: [member.endpoint], requestTimeoutMs: 60_000 });
  t.after(async () => {
    direct.close();
    await member.stop();
  });
  const [port, metricsPort] = await freePorts(2);
  const address = `127.0.0.1:${port}`;
  const dataDir = path.join(temporaryDir("grpc-proxy"), "data");
  const { child, lines, ended } = await startProxy([
    ...["--listen-addr", address, "--advertise-client-url", address, "--endpoints", member.endpoint],
    ...["--auto-tls", "--data-dir", dataDir, "--namespace", "ns/", "--enable-pprof"],
    ...["--resolver-prefix", "proxies", "--resolver-ttl", "60", "--experimental-enable-grpc-logging"],
    ...["--metrics-addr", `http://127.0.0.1:${metricsPort}`],
  ]);
  const client = new Client({
    endpoints: [`https://${address}`],
    tls: { rejectUnauthorized: false },
    requestTimeoutMs: 60_000,
    connectTimeoutMs: 30_000,
  });
  t.after(() => client.close());
  await client.kv.put({ key: "a", value: "1" });
  assert.equal(Buffer.from((await direct.kv.get("ns/a"))!.value).toString(), "1");
  assert.match(
    lines(),
    /"msg":"finished call","grpc.service":"etcdserverpb.KV","grpc.method":"Put","grpc.code":"OK"/,
  );

  const health = await fetch(`http://127.0.0.1:${metricsPort}/proxy/health`);
  assert.equal(await health.text(), '{"health":"true","reason":""}');
  assert.match(await getSecurely(`https://${address}/proxy/metrics`), /^grpc_server_started_total/m);
  assert.match(await getSecurely(`https://${address}/debug/pprof/`), /\/debug\/pprof\/heap/);

  const registered = `ns/proxies/${address}`;
  await until(async () => (await direct.kv.get(registered)) !== undefined);
  child.kill("SIGTERM");
  assert.deepEqual(await ended, [null, "SIGTERM"]);
  assert.equal(await direct.kv.get(registered), undefined);
});

test("an address that somebody has is told as etcd tells it", { timeout: 120_000 }, async (t) => {
  const member = await Server.start({ command: [bin], startTimeoutMs: 120_000 });
  t.after(() => member.stop());
  const { lines, ended } = await startProxy([
    "--listen-addr",
    member.endpoint,
    "--endpoints",
    member.endpoint,
  ]);
  assert.deepEqual(await ended, [1, null]);
  assert.match(lines(), new RegExp(`^listen tcp ${member.endpoint}: bind: address already in use$`, "m"));
});
