/** A member in a process of its own, and what can be learnt of it from outside. */
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { GrpcClient } from "@quorate/rpc/client";
import type { Server } from "@quorate/testkit/process";
import { decode } from "@quorate/wire";
import { type StatusResponse, StatusResponseSchema } from "@quorate/wire/etcdserverpb";
import { Inspector } from "./inspector.ts";

/** What the member's loop did since it was asked last. */
export interface LoopWork {
  /** In milliseconds; the member looks each 10 ms, so that up to 10 ms of a turn do not show. */
  readonly longestDelayMs: number;
  /** The longest turn in milliseconds, without what the loop's thread waited for a processor. */
  readonly longestTurnMs: number;
  /** The longest such wait, and all of them together. */
  readonly longestWaitMs: number;
  readonly waitedMs: number;
  /** The most that a turn has cost, as bytes, of all kinds of work that is cut into slices. */
  readonly mostInATurn: number;
}

/** What a member holds; each must come back to where it was. */
export interface Holdings {
  readonly anonymousMiB: number;
  /** Of it, what the allocator of the C library holds between blocks in use, and the engine's heap with room in it. */
  readonly mallocMiB: number;
  readonly committedHeapMiB: number;
  /** Objects of the engine after a collection of the garbage, and buffers that belong to them. */
  readonly heapMiB: number;
  readonly buffersMiB: number;
  readonly descriptors: number;
  readonly sockets: number;
  /** Objects of the engine that live. */
  readonly timers: number;
  readonly promises: number;
  readonly watchStreams: number;
  readonly watchers: number;
  readonly proposalsPending: number;
  readonly databaseMiB: number;
  readonly logMiB: number;
}

/**
 * Run in the member: how late the loop comes to a timer, and how much of that its thread was ready to run and waited for a
 * processor, which is the machine's doing. The rest is one turn: computing, collecting garbage, or waiting for a disk.
 */
const WATCH_TURNS = `
  const { readSync, openSync } = process.getBuiltinModule("fs");
  const file = openSync("/proc/self/task/" + process.pid + "/schedstat", "r");
  const text = Buffer.alloc(100);
  const waitedMs = () => Number(text.toString("latin1", 0, readSync(file, text, 0, 100, 0)).split(" ")[1]) / 1e6;
  const everyMs = 5;
  let last = { nowMs: performance.now(), waitedMs: waitedMs() };
  let turnMs = 0;
  let waitMs = 0;
  let takenMs = last.waitedMs;
  setInterval(() => {
    const next = { nowMs: performance.now(), waitedMs: waitedMs() };
    const waited = next.waitedMs - last.waitedMs;
    waitMs = Math.max(waitMs, waited);
    turnMs = Math.max(turnMs, next.nowMs - last.nowMs - everyMs - waited);
    last = next;
  }, everyMs).unref();
  globalThis.takeTurns = () => {
    const taken = { turnMs, waitMs, waitedMs: last.waitedMs - takenMs };
    takenMs = last.waitedMs;
    turnMs = 0;
    waitMs = 0;
    return taken;
  };
`;

interface Turns {
  readonly turnMs: number;
  readonly waitMs: number;
  readonly waitedMs: number;
}

const MIB = 2 ** 20;
/** So long the engine has to give back what it does not need. */
const REST_MS = 3_000;

export class MeasuredMember {
  readonly server: Server;
  readonly client: GrpcClient;
  readonly inspector: Inspector;

  private constructor(server: Server, client: GrpcClient, inspector: Inspector) {
    this.server = server;
    this.client = client;
    this.inspector = inspector;
  }

  /** Starts `server`; `inspectPort` is free. */
  static async start(server: Server, inspectPort: number): Promise<MeasuredMember> {
    await server.start({ NODE_OPTIONS: `--inspect-port=127.0.0.1:${inspectPort}` });
    const inspector = await Inspector.open(server.pid, inspectPort);
    await inspector.evaluate(`{ ${WATCH_TURNS} }`);
    const client = await GrpcClient.connect({ address: server.endpoint });
    const member = new MeasuredMember(server, client, inspector);
    // Loads what the metrics need.
    await member.takeLoopWork();
    return member;
  }

  get address(): string {
    return this.server.endpoint;
  }

  async status(): Promise<StatusResponse> {
    const answer = await this.client.unary("/etcdserverpb.Maintenance/Status", new Uint8Array(0));
    return decode(StatusResponseSchema, answer);
  }

  /** How many there are. */
  async watchers(): Promise<number> {
    return metric(await this.#metrics(), "etcd_debugging_mvcc_watcher_total");
  }

  async takeLoopWork(): Promise<LoopWork> {
    const metrics = await this.#metrics();
    const turns = await this.inspector.evaluate<Turns>("takeTurns()");
    const costs = [...metrics].filter(([name]) => name.startsWith("quorate_turn_work_most_bytes"));
    return {
      longestTurnMs: turns.turnMs,
      longestWaitMs: turns.waitMs,
      waitedMs: turns.waitedMs,
      longestDelayMs: metric(metrics, "quorate_event_loop_longest_delay_seconds") * 1_000,
      mostInATurn: Math.max(...costs.map(([, value]) => value)),
    };
  }

  /** Waits until it is at rest. */
  async holdings(): Promise<Holdings> {
    await pause(REST_MS);
    await this.inspector.send("HeapProfiler.collectGarbage");
    await pause(REST_MS);
    await this.inspector.send("HeapProfiler.collectGarbage");
    const memory = await this.inspector.evaluate<{
      heapTotal: number;
      heapUsed: number;
      arrayBuffers: number;
    }>(
      "(({ heapTotal, heapUsed, arrayBuffers }) => ({ heapTotal, heapUsed, arrayBuffers }))(process.memoryUsage())",
    );
    const timers = await this.inspector.count("Object.getPrototypeOf(setTimeout(() => {}, 0))");
    const promises = await this.inspector.count("Promise.prototype");
    const metrics = await this.#metrics();
    const { pid, dataDir } = this.server;
    const targets = openFiles(pid);
    return {
      anonymousMiB:
        Number(/^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))![1]) / 1024,
      mallocMiB: brkHeapMiB(pid),
      committedHeapMiB: memory.heapTotal / MIB,
      heapMiB: memory.heapUsed / MIB,
      buffersMiB: memory.arrayBuffers / MIB,
      descriptors: targets.length,
      sockets: targets.filter((target) => target.startsWith("socket:")).length,
      timers,
      promises,
      watchStreams: metric(metrics, "etcd_debugging_mvcc_watch_stream_total"),
      watchers: metric(metrics, "etcd_debugging_mvcc_watcher_total"),
      proposalsPending: metric(metrics, "etcd_server_proposals_pending"),
      databaseMiB: diskMiB(path.join(dataDir, "member", "snap")),
      logMiB: diskMiB(path.join(dataDir, "member", "wal")),
    };
  }

  async #metrics(): Promise<ReadonlyMap<string, number>> {
    const text = await (await fetch(`http://${this.address}/metrics`)).text();
    const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    return new Map(
      lines.map((line) => {
        const end = line.lastIndexOf(" ");
        return [line.slice(0, end), Number(line.slice(end + 1))];
      }),
    );
  }

  /** Whoever made the server stops it. */
  [Symbol.dispose](): void {
    this.inspector.close();
    this.client.close();
  }
}

function metric(metrics: ReadonlyMap<string, number>, name: string): number {
  const value = metrics.get(name);
  if (value === undefined) throw new Error(`no metric ${name}`);
  return value;
}

/** What is resident of the region that the C library's allocator grows. */
function brkHeapMiB(pid: number): number {
  const [, resident] =
    /\[heap\]\n[\s\S]*?^Rss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps`, "latin1")) ?? [];
  return Number(resident ?? 0) / 1024;
}

function openFiles(pid: number): string[] {
  const dir = `/proc/${pid}/fd`;
  return readdirSync(dir).flatMap((fd) => {
    try {
      return [readlinkSync(`${dir}/${fd}`)];
    } catch {
      return []; // closed meanwhile
    }
  });
}

/** What the files of a folder occupy. */
function diskMiB(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
  const blocks = files.map((file) => statSync(path.join(file.parentPath, file.name)).blocks);
  return (blocks.reduce((sum, each) => sum + each, 0) * 512) / MIB;
}
