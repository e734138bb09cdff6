/** The two servers that are compared: fresh data directories on one disk, and only the measured one runs. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { debianEtcd, realEtcd } from "@quorate/testkit/etcd";
import { Etcd } from "@quorate/testkit/grpc";
import { Server } from "@quorate/testkit/process";
import { compactAll } from "./compact-all.ts";
import type { Target } from "./generators.ts";
import { type Memory, memory } from "./process-usage.ts";
import type { Row } from "./rows.ts";
import { clientIdentity, memberFlags, type Transport } from "./transport.ts";

const repositoryRoot = path.resolve(import.meta.dirname, "../../..");

export type ContenderName = "etcd" | "quorate";

/** What rows are measured on: one member, or a cluster of them. */
export interface Side {
  readonly name: ContenderName;
  /** Returns the milliseconds from exec to serving. */
  start(): Promise<number>;
  suspend(): void;
  /** Resolves when it can be measured again. */
  resume(): Promise<void>;
  targetOf(row: Row): Target;
  /** Elections since it was resumed: whatever was measured meanwhile shows them, too. */
  elections(): Promise<number>;
  compact(): Promise<void>;
  memories(): Memory[];
  end(): Promise<void>;
}

/** Addresses are no names of servers. */
const SERVER_NAME = { "grpc.ssl_target_name_override": "localhost" };

/** Long runs write gigabytes between two compactions; the default quota of 2 GiB is not what is measured. */
export const ARGS: readonly string[] = ["--quota-backend-bytes", String(8 * 2 ** 30)];

export class Contender implements Side {
  readonly name: ContenderName;
  readonly server: Server;
  readonly transport: Transport;
  #stopped = false;

  private constructor(name: ContenderName, server: Server, transport: Transport) {
    this.name = name;
    this.server = server;
    this.transport = transport;
  }

  static async create(
    name: ContenderName,
    command: readonly string[],
    transport: Transport = "plaintext",
  ): Promise<Contender> {
    const args = [...ARGS, ...memberFlags(transport)];
    const clientScheme = transport === "plaintext" ? "http" : "https";
    const server = await Server.create({ command, args, clientScheme, startTimeoutMs: 30_000 });
    return new Contender(name, server, transport);
  }

  async start(): Promise<number> {
    await this.server.start();
    return this.server.startedInMs;
  }

  get target(): Target {
    return { ports: [this.server.clientPort], pids: [this.server.pid], transport: this.transport };
  }

  targetOf(): Target {
    return this.target;
  }

  async elections(): Promise<number> {
    return 0;
  }

  memories(): Memory[] {
    return [memory(this.server.pid)];
  }

  /** The other one must not take a share of the machine: it is stopped as a whole. */
  suspend(): void {
    if (this.#stopped) return;
    this.server.pause();
    this.#stopped = true;
  }

  async resume(): Promise<void> {
    if (!this.#stopped) return;
    this.server.resume();
    this.#stopped = false;
  }

  async withClient<T>(work: (client: Etcd) => Promise<T>): Promise<T> {
    const client = new Etcd(this.server.endpoint, SERVER_NAME, clientIdentity(this.transport));
    try {
      return await work(client);
    } finally {
      client.close();
    }
  }

  /** Throws old revisions away, so that neither store grows without end. */
  async compact(): Promise<void> {
    await this.withClient(async (client) => {
      await compactAll(client);
    });
  }

  async metrics(): Promise<string> {
    return await (await fetch(`http://${this.server.endpoint}/metrics`)).text();
  }

  async end(): Promise<void> {
    await this.resume();
    await this.server[Symbol.asyncDispose]();
  }
}

export interface Commands {
  readonly etcd: readonly string[];
  readonly quorate: readonly string[];
  /** For the report. */
  readonly etcdName: string;
}

/** `--against` or a real etcd: built from Go modules, or else Debian's. */
export function findCommands(against: string | undefined, ours: string | undefined): Commands {
  const quorate = ours?.split(" ") ?? [path.join(repositoryRoot, "bin/etcd")];
  if (against !== undefined) return { etcd: against.split(" "), quorate, etcdName: against };
  const built = realEtcd((line) => console.error(line));
  if ("found" in built) return { etcd: [built.found.etcd], quorate, etcdName: `etcd ${built.found.version}` };
  const debian = debianEtcd();
  if ("found" in debian) return { etcd: [debian.found], quorate, etcdName: "Debian's etcd" };
  throw new Error(`nothing to compare with: ${built.missing}; ${debian.missing}`);
}

/** What the machine is, for the head of a report. */
export function machine(): string {
  const cpu = /model name\s*: (.*)/.exec(readFileSync("/proc/cpuinfo", "latin1"))?.[1] ?? "unknown CPU";
  const cores = readFileSync("/proc/cpuinfo", "latin1").match(/^processor/gm)?.length ?? 0;
  return `${cores} x ${cpu}`;
}
