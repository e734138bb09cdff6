/**
 * Starts a member (etcd's or ours: both take the same flags), waits until it serves, and stops, pauses or kills
 * it. Every process is killed and every temporary folder removed when the test process ends, whatever happens.
 */
import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import { freePorts } from "../ports/index.ts";
import { killAtExit, removeDir, temporaryDir } from "./clean-up.ts";

const READY_LINE = "ready to serve client requests";
const TAIL_BYTES = 16_384;

export interface ServerOptions {
  /** The command and its leading arguments, e.g. `["bin/etcd"]`. */
  readonly command: readonly string[];
  readonly name?: string;
  /** Kept over restarts; a temporary one by default. */
  readonly dataDir?: string;
  readonly args?: readonly string[];
  /** How it finds the others of its cluster. Default: `--initial-cluster`, with itself alone. */
  readonly clusterArgs?: readonly string[];
  /** Of the client URL. Default `http`. */
  readonly clientScheme?: "http" | "https";
  readonly env?: Readonly<Record<string, string>>;
  readonly startTimeoutMs?: number;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One member with fixed ports and a fixed data folder, started any number of times. */
export class Server {
  readonly name: string;
  readonly dataDir: string;
  readonly clientPort: number;
  readonly peerPort: number;
  readonly options: ServerOptions;
  /** From spawn to the ready line of the last start, in milliseconds. */
  startedInMs = 0;
  #child: ChildProcess | undefined;
  #exit: Promise<Exit> | undefined;
  #tail = "";

  private constructor(options: ServerOptions, ports: readonly number[]) {
    this.options = options;
    this.name = options.name ?? "m1";
    this.dataDir = options.dataDir ?? path.join(temporaryDir("member"), "data");
    this.clientPort = ports[0]!;
    this.peerPort = ports[1]!;
  }

  /** Chooses ports and a data folder without starting anything. */
  static async create(options: ServerOptions): Promise<Server> {
    return new Server(options, await freePorts(2));
  }

  static async start(options: ServerOptions): Promise<Server> {
    const server = await Server.create(options);
    await server.start();
    return server;
  }

  get endpoint(): string {
    return `127.0.0.1:${this.clientPort}`;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`${this.name} is not running`);
    return pid;
  }

  /** The last 16 KiB of what the process wrote. */
  get tail(): string {
    return this.#tail;
  }

  /** Resolves when the process has ended. */
  get exited(): Promise<Exit> {
    return this.#exit ?? Promise.resolve({ code: null, signal: null });
  }

  arguments(): string[] {
    const peerUrl = `http://127.0.0.1:${this.peerPort}`;
    const clientUrl = `${this.options.clientScheme ?? "http"}://${this.endpoint}`;
    return [
      "--name",
      this.name,
      "--data-dir",
      this.dataDir,
      "--listen-client-urls",
      clientUrl,
      "--advertise-client-urls",
      clientUrl,
      "--listen-peer-urls",
      peerUrl,
      "--initial-advertise-peer-urls",
      peerUrl,
      ...(this.options.clusterArgs ?? ["--initial-cluster", `${this.name}=${peerUrl}`]),
      ...(this.options.args ?? []),
    ];
  }

  /** Spawns without waiting for anything. `extraEnv` is for this start only. */
  spawn(extraEnv: Readonly<Record<string, string>> = {}): void {
    if (this.#child !== undefined) throw new Error(`${this.name} is already running`);
    const [program, ...leading] = this.options.command;
    if (program === undefined) throw new Error("empty command");
    const child = spawn(program, [...leading, ...this.arguments()], {
      env: { ...process.env, ...this.options.env, ...extraEnv },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    killAtExit(child);
    this.#tail = "";
    const collect = (chunk: Buffer): void => {
      this.#tail = (this.#tail + chunk.toString("utf8")).slice(-TAIL_BYTES);
    };
    child.stdout?.on("data", collect);
    child.stderr?.on("data", collect);
    this.#exit = new Promise((resolve) => {
      const ended = (exit: Exit): void => {
        if (this.#child === child) this.#child = undefined;
        resolve(exit);
      };
      child.on("error", (error) => {
        this.#tail += String(error);
        ended({ code: -1, signal: null });
      });
      // "close", not "exit": by then everything the process wrote has been collected.
      child.on("close", (code, signal) => ended({ code, signal }));
    });
  }

  /** Spawns and waits for the ready line; throws with the tail of the output when it does not come. */
  async start(extraEnv: Readonly<Record<string, string>> = {}): Promise<void> {
    const startedAt = performance.now();
    this.spawn(extraEnv);
    const child = this.#child!;
    let timer: NodeJS.Timeout | undefined;
    const ready = new Promise<void>((resolve) => {
      let seen = "";
      child.stderr?.on("data", (chunk: Buffer) => {
        seen = (seen + chunk.toString("utf8")).slice(-4096);
        if (seen.includes(READY_LINE)) resolve();
      });
    });
    const outcome = await Promise.race([
      ready.then(() => "ready" as const),
      this.exited,
      new Promise<"timeout">((resolve) => {
        timer = setTimeout(resolve, this.options.startTimeoutMs ?? 30_000, "timeout");
      }),
    ]);
    clearTimeout(timer);
    if (outcome !== "ready") {
      if (outcome === "timeout") await this.kill();
      const what =
        outcome === "timeout" ? "was not ready in time" : `ended with ${outcome.code ?? outcome.signal}`;
      throw new Error(`${this.options.command.join(" ")} ${what}; its output ends:\n${this.#tail}`);
    }
    this.startedInMs = performance.now() - startedAt;
  }

  /** SIGKILL, as a crash; resolves when the process is gone. */
  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.exited;
  }

  /** SIGTERM; SIGKILL after ten seconds. */
  async stop(): Promise<Exit> {
    const child = this.#child;
    if (child === undefined) return { code: null, signal: null };
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
    const exit = await this.exited;
    clearTimeout(timer);
    return exit;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  pause(): void {
    process.kill(this.pid, "SIGSTOP");
  }

  resume(): void {
    process.kill(this.pid, "SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    if (this.options.dataDir === undefined) removeDir(path.dirname(this.dataDir));
  }
}
