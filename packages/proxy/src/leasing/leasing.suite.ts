/** Our proxies beside etcd's on one cluster, with the same leasing prefix; proxies and members that die under load. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { Client } from "@quorate/client";
import { realEtcd } from "@quorate/testkit/etcd";
import { freePorts } from "@quorate/testkit/ports";
import { killAtExit, type Server } from "@quorate/testkit/process";
import { SeededRandom } from "@quorate/testkit/random";
import { testWithSeed } from "@quorate/testkit/seed";
import { repositoryRoot } from "@quorate/testkit/target";
import { until } from "@quorate/testkit/wait";
import { type LoadClient, randomLoad } from "./random-load.testing.ts";
import { clientOf, leasingProxy, startMember, textOf } from "./testing.ts";

const TIMEOUT = { timeout: 600_000 };
const PATIENT_MS = 120_000;
const OURS = path.join(repositoryRoot, "bin/quorate");
const built = realEtcd();
const etcd = "found" in built ? built.found.etcd : undefined;
const skip = "missing" in built ? built.missing : false;

/** A proxy in a process of its own, at a port that stays. */
class ProxyProcess {
  readonly port: number;
  readonly #command: string;
  readonly #endpoint: string;
  #child: ChildProcess | undefined;

  constructor(command: string, endpoint: string, port: number) {
    this.#command = command;
    this.#endpoint = endpoint;
    this.port = port;
  }

  get endpoint(): string {
    return `127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const args = ["--listen-addr", this.endpoint, "--endpoints", this.#endpoint];
    const child = spawn(
      this.#command,
      ["grpc-proxy", "start", ...args, "--experimental-leasing-prefix", "l/"],
      { stdio: "ignore" },
    );
    killAtExit(child);
    this.#child = child;
    const client = new Client({ endpoints: [this.endpoint], requestTimeoutMs: 500 });
    await until(() =>
      client.kv
        .get("ready")
        .then(() => true)
        .catch(() => false),
    );
    client.close();
  }

  signal(signal: NodeJS.Signals): void {
    this.#child!.kill(signal);
  }

  async kill(): Promise<void> {
    const child = this.#child!;
    const gone = new Promise((resolve) => child.once("close", resolve));
    child.kill("SIGKILL");
    await gone;
  }
}

async function startProcess(t: TestContext, command: string, endpoint: string): Promise<ProxyProcess> {
  const [port] = await freePorts(1);
  const proxy = new ProxyProcess(command, endpoint, port!);
  await proxy.start();
  t.after(() => proxy.kill());
  return proxy;
}

test("each of ours and etcd's asks the other one for a key that it wants to write", {
  ...TIMEOUT,
  skip,
}, async (t) => {
  const { server, direct } = await startMember(t, PATIENT_MS);
  const ours = await leasingProxy(t, [server.endpoint], "l/");
  const theirs = clientOf(t, (await startProcess(t, etcd!, server.endpoint)).endpoint, PATIENT_MS);
  for (const [i, write] of [
    (client: Client, key: string) => client.kv.put({ key, value: "new" }),
    (client: Client, key: string) => client.kv.deleteRange({ key }),
    (client: Client, key: string) => client.kv.deleteRange({ key, rangeEnd: `${key}~` }),
    (client: Client, key: string) => client.kv.txn({ success: [{ requestPut: { key, value: "new" } }] }),
    (client: Client, key: string) =>
      client.kv.txn({ success: [{ requestDeleteRange: { key, rangeEnd: `${key}~` } }] }),
  ].entries()) {
    const key = `turns/${i}`;
    await direct.kv.put({ key, value: "old" });
    assert.equal(await ours.own(key), "old");
    await write(theirs, key);
    assert.equal(await ours.revoked(), i + 1);
    assert.deepEqual(await ours.client.kv.get(key), await direct.kv.get(key));
    const other = `turns/x${i}`;
    await direct.kv.put({ key: other, value: "old" });
    assert.equal(textOf((await theirs.kv.get(other))?.value), "old");
    assert.notEqual(await direct.kv.get(`l/${other}`), undefined);
    await write(ours.client, other);
    assert.equal(await direct.kv.get(`l/${other}`), undefined);
    assert.deepEqual((await theirs.kv.get(other))?.value, (await direct.kv.get(other))?.value);
  }
});

testWithSeed(
  "under random load ours and etcd's proxies give answers in one order",
  { ...TIMEOUT, skip },
  async (seed, t) => {
    const { server, direct } = await startMember(t, PATIENT_MS);
    const ours = [
      await leasingProxy(t, [server.endpoint], "l/"),
      await leasingProxy(t, [server.endpoint], "l/"),
    ];
    const theirs = [
      await startProcess(t, etcd!, server.endpoint),
      await startProcess(t, etcd!, server.endpoint),
    ];
    const clients: LoadClient[] = [
      ...ours.flatMap(({ started }, i) =>
        ["x", "y"].map((letter) => ({
          name: `${letter}${i}`,
          client: clientOf(t, started.endpoint, PATIENT_MS),
          isOurs: true,
        })),
      ),
      ...theirs.map(({ endpoint }, i) => ({
        name: `etcd${i}`,
        client: clientOf(t, endpoint, PATIENT_MS),
        isOurs: false,
      })),
    ];
    for (let run = 0; run < 10; run++) {
      const load = { clients, direct, folder: `${run}/`, operationsEach: 200 };
      assert.deepEqual(await randomLoad({ ...load, seed: seed + run }), []);
    }
    for (const proxy of ours) {
      assert.ok((await proxy.hits()) > 0);
      assert.ok((await proxy.revoked()) > 0);
    }
  },
);

test(
  "an owner that stands still for longer than its lease does not answer from memory when it goes on",
  TIMEOUT,
  async (t) => {
    const { server, direct } = await startMember(t, PATIENT_MS);
    const process = await startProcess(t, OURS, server.endpoint);
    const owner = clientOf(t, process.endpoint, PATIENT_MS);
    const writer = await leasingProxy(t, [server.endpoint], "l/");
    await direct.kv.put({ key: "k", value: "old" });
    await until(async () => {
      await owner.kv.get("k");
      return (await direct.kv.get("l/k")) !== undefined;
    });
    assert.equal(textOf((await owner.kv.get("k"))?.value), "old");
    process.signal("SIGSTOP");
    await writer.client.kv.put({ key: "k", value: "new" });
    // It finds the request when it goes on, beside what tells it of the write.
    const read = owner.kv.get("k");
    await new Promise((resolve) => setTimeout(resolve, 100));
    process.signal("SIGCONT");
    assert.equal(textOf((await read)?.value), "new");
  },
);

testWithSeed(
  "while a proxy and the member are killed again and again, answers are in one order",
  TIMEOUT,
  async (seed, t) => {
    const { server, direct } = await startMember(t, PATIENT_MS);
    const leasing = { prefix: "l/", ttlSeconds: 3 };
    const stays = [
      await leasingProxy(t, [server.endpoint], "l/", { leasing }),
      await leasingProxy(t, [server.endpoint], "l/", { leasing }),
    ];
    const dies = await startProcess(t, OURS, server.endpoint);
    const clients = [...stays.map(({ started }) => started.endpoint), dies.endpoint].flatMap((endpoint, i) =>
      ["x", "y"].map((letter) => ({
        name: `${letter}${i}`,
        client: clientOf(t, endpoint, PATIENT_MS),
        isOurs: i < 2,
      })),
    );
    const metrics = await (await fetch(`http://${dies.endpoint}/proxy/metrics`)).text();
    assert.match(metrics, /^quorate_grpc_proxy_leasing_/m);
    const over = new AbortController();
    const killing = killNowAndThen(dies, server, new SeededRandom(seed), over.signal);
    let kills = { proxy: 0, member: 0 };
    try {
      for (let run = 0; run < 4; run++) {
        const load = { clients, direct, folder: `${run}/`, operationsEach: 300 };
        assert.deepEqual(await randomLoad({ ...load, seed: seed + run }), []);
      }
    } finally {
      over.abort();
      kills = await killing;
    }
    assert.ok(kills.proxy > 0 && kills.member > 0, JSON.stringify(kills));
    t.diagnostic(`${kills.proxy} kills of the proxy, ${kills.member} of the member`);
  },
);

/** Whoever waits for a key of a proxy that was killed waits for its lease's end, 10 s: there are few kills. */
const MOST_KILLS = 4;

async function killNowAndThen(
  proxy: ProxyProcess,
  server: Server,
  random: SeededRandom,
  signal: AbortSignal,
): Promise<{ proxy: number; member: number }> {
  const kills = { proxy: 0, member: 0 };
  while (!signal.aborted && kills.proxy + kills.member < MOST_KILLS) {
    await new Promise((resolve) => setTimeout(resolve, random.between(300, 1_500)));
    const which = kills.proxy <= kills.member ? "proxy" : "member";
    kills[which]++;
    const killed = which === "proxy" ? proxy : server;
    await killed.kill();
    await killed.start();
  }
  return kills;
}
