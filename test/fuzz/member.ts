/** The member that is fuzzed: with data of several revisions, leases and watchers, and a client that behaves. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { Etcd, type Stream } from "@quorate/testkit/grpc";
import type { WatchRequest, WatchResponse } from "@quorate/testkit/messages";
import { Server, temporaryDir } from "@quorate/testkit/process";
import { target } from "@quorate/testkit/target";
import type { MemberWatch } from "./member-watch.ts";

type WatchStream = Stream<Parameters<typeof WatchRequest.encode>[0], ReturnType<typeof WatchResponse.decode>>;

const ALL_KEYS = { key: Buffer.from([0]), range_end: Buffer.from([0]) };
const PROBE_KEY = "probe/key";
const SEEDED_KEYS = 60;
const SEEDED_LEASES = 10;
const SEEDED_WATCHERS = 20;
const DEACTIVATE = 2;
const LOOKS = 10;
/** On a machine with much else to do. */
const START_TIMEOUT_MS = 120_000;

/** What must be as before when everybody has left. */
export interface Holdings {
  readonly descriptors: number;
  readonly watchStreams: number;
  readonly watchers: number;
  readonly leases: number;
  readonly heapMiB: number;
  readonly externalMiB: number;
  readonly resources: Readonly<Record<string, number>>;
}

export class FuzzedMember {
  readonly server: Server;
  readonly #socketPath: string;
  readonly #client: Etcd;
  readonly #watch: WatchStream;
  #probes = 0;

  private constructor(server: Server, socketPath: string, client: Etcd) {
    this.server = server;
    this.#socketPath = socketPath;
    this.#client = client;
    this.#watch = client.watch();
  }

  static async start(): Promise<FuzzedMember> {
    const socketPath = path.join(temporaryDir("fuzz"), "watch");
    const preload = `--import=${import.meta.dirname}/member-watch.ts --disable-warning=ExperimentalWarning`;
    const server = await Server.start({
      command: target().command,
      startTimeoutMs: START_TIMEOUT_MS,
      env: { NODE_OPTIONS: preload, QUORATE_FUZZ_SOCKET: socketPath },
    });
    const member = new FuzzedMember(server, socketPath, new Etcd(server.endpoint));
    await member.#prepare();
    return member;
  }

  get port(): number {
    return this.server.clientPort;
  }

  async #prepare(): Promise<void> {
    this.#watch.send({ create_request: { key: PROBE_KEY } });
    await this.#watch.next();
    for (let i = 0; i < SEEDED_WATCHERS; i++) {
      this.#watch.send({ create_request: { key: Buffer.from("never/"), range_end: Buffer.from("never0") } });
      await this.#watch.next();
    }
    await this.refill();
    await this.refill();
  }

  /** Gives the random requests something to find: keys of several revisions, some with leases. */
  async refill(): Promise<void> {
    const leases = Array.from({ length: SEEDED_LEASES }, (_, i) => i + 1);
    await Promise.allSettled(leases.map((ID) => this.#client.leaseGrant({ ID, TTL: 5_000 })));
    const puts = Array.from({ length: SEEDED_KEYS }, (_, i) => ({
      request_put: { key: `fuzz/${i}`, value: `value ${i}` },
    }));
    await this.#client.txn({ success: puts });
    await Promise.allSettled(
      leases.map((lease) => this.#client.put({ key: `fuzz/${lease}`, value: "leased", lease })),
    );
  }

  /** A client that behaves is served: its put is watched and read. Alarms that were asked for are ended before. */
  async probe(): Promise<void> {
    const { alarms } = await this.#client.alarm({});
    for (const { memberID, alarm } of alarms) {
      await this.#client.alarm({ action: DEACTIVATE, memberID, alarm });
    }
    const value = `probe ${++this.#probes}`;
    const { header } = await this.#client.put({ key: PROBE_KEY, value });
    const { kvs } = await this.#client.range({ key: PROBE_KEY });
    assert.equal(kvs[0]?.value.toString(), value, "a put is read");
    for (;;) {
      const { events, canceled } = await this.#watch.next();
      assert.ok(!canceled, "the watch goes on");
      // Others may have written the key too.
      if (events.some((event) => event.kv?.mod_revision === header?.revision)) return;
    }
  }

  /** How many requests have failed for a defect of the server. */
  async defects(): Promise<number> {
    return numberIn(await this.#metrics(), "quorate_request_defects_total");
  }

  async #metrics(): Promise<string> {
    const response = await fetch(`http://${this.server.endpoint}/metrics`, {
      headers: { connection: "close" },
      signal: AbortSignal.timeout(20_000),
    });
    return response.text();
  }

  /** Looks into the process, and begins to measure turns anew. */
  look(what: "look" | "collect" = "look"): Promise<MemberWatch> {
    return new Promise((resolve, reject) => {
      const socket = net.connect(this.#socketPath, () => socket.write(what));
      let text = "";
      socket.setTimeout(20_000, () => socket.destroy(new Error("the member's process does not answer")));
      socket.on("data", (chunk: Buffer) => {
        text += chunk.toString();
      });
      socket.on("error", reject);
      socket.on("end", () => resolve(JSON.parse(text) as MemberWatch));
    });
  }

  /** Without what the random requests have written, and the least of several looks. */
  async holdings(): Promise<Holdings> {
    await this.probe();
    await this.#client.deleteRange(ALL_KEYS);
    for (const { ID } of (await this.#client.leaseLeases({})).leases) {
      await this.#client.leaseRevoke({ ID }).catch(() => {});
    }
    const { header } = await this.#client.put({ key: PROBE_KEY, value: "" });
    await this.#watch.poll(1_000);
    await this.#client.compact({ revision: header!.revision, physical: true });
    let least: Holdings | undefined;
    for (let look = 0; look < LOOKS; look++) {
      const now = await this.#holdingsNow();
      least = least === undefined ? now : leastOf(least, now);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await this.refill();
    return least!;
  }

  async #holdingsNow(): Promise<Holdings> {
    const metrics = await this.#metrics();
    const { leases } = await this.#client.leaseLeases({});
    const { heapBytes, externalBytes, resources } = await this.look("collect");
    return {
      descriptors: readdirSync(`/proc/${this.server.pid}/fd`).length,
      watchStreams: numberIn(metrics, "etcd_debugging_mvcc_watch_stream_total"),
      watchers: numberIn(metrics, "etcd_debugging_mvcc_watcher_total"),
      leases: leases.length,
      heapMiB: heapBytes / 2 ** 20,
      externalMiB: externalBytes / 2 ** 20,
      resources,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.close();
    await this.server[Symbol.asyncDispose]();
  }
}

function leastOf(a: Holdings, b: Holdings): Holdings {
  const kinds = new Set([...Object.keys(a.resources), ...Object.keys(b.resources)]);
  return {
    descriptors: Math.min(a.descriptors, b.descriptors),
    watchStreams: Math.min(a.watchStreams, b.watchStreams),
    watchers: Math.min(a.watchers, b.watchers),
    leases: Math.min(a.leases, b.leases),
    heapMiB: Math.min(a.heapMiB, b.heapMiB),
    externalMiB: Math.min(a.externalMiB, b.externalMiB),
    resources: Object.fromEntries(
      [...kinds].map((kind) => [kind, Math.min(a.resources[kind] ?? 0, b.resources[kind] ?? 0)]),
    ),
  };
}

function numberIn(metrics: string, name: string): number {
  const line = metrics.split("\n").find((each) => each.startsWith(`${name} `));
  if (line === undefined) throw new Error(`no metric ${name}`);
  return Number(line.slice(name.length));
}
