/** One member of a cluster: a place, a data folder, and a process that is started, hurt and started again. */
import { type ChildProcess, spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeSync,
} from "node:fs";
import path from "node:path";
import { which } from "@quorate/testkit/etcd";
import { type Exit, killAtExit } from "@quorate/testkit/process";
import type { Network, Place } from "./network/network.ts";

/** Has the kernel kill members whose test was itself killed. */
const PARENT_DEATH = which("setpriv") === undefined ? [] : ["setpriv", "--pdeathsig", "KILL"];

/** What a process holds of the machine. */
export interface Holdings {
  readonly descriptors: number;
  readonly sockets: number;
  readonly threads: number;
  readonly residentMiB: number;
}

export interface MemberOptions {
  readonly name: string;
  readonly command: readonly string[];
  readonly place: Place;
  readonly network: Network;
  /** Holds the data folder and the log. */
  readonly dir: string;
  /** Added to the arguments of every start. */
  readonly args: readonly string[];
  readonly onUnexpectedExit: (what: string) => void;
}

export class MemberProcess {
  readonly name: string;
  readonly place: Place;
  readonly dataDir: string;
  readonly logFile: string;
  /** Its ID in the cluster, once that is known. */
  id = 0n;
  /** How often it has been started. */
  lives = 0;
  paused = false;
  /** Added to the environment of the next starts. */
  env: Record<string, string> = {};
  readonly #options: MemberOptions;
  #child: ChildProcess | undefined;
  #exit: Promise<Exit> = Promise.resolve({ code: null, signal: null });
  /** Somebody wants it to end. */
  #ending = false;

  constructor(options: MemberOptions) {
    this.#options = options;
    this.name = options.name;
    this.place = options.place;
    this.dataDir = path.join(options.dir, options.name);
    this.logFile = path.join(options.dir, `${options.name}.log`);
  }

  get clientAddress(): string {
    return this.place.clientAddress;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`${this.name} is not running`);
    return pid;
  }

  /** Resolves when the process has ended. */
  get exited(): Promise<Exit> {
    return this.#exit;
  }

  /** An end of the process is no finding from now on, e.g. because the member is being removed. */
  expectExit(): void {
    this.#ending = true;
  }

  /** Spawns without waiting; `initial` are the flags that say how the cluster begins. */
  start(initial: readonly string[]): void {
    if (this.#child !== undefined) throw new Error(`${this.name} is already running`);
    this.lives += 1;
    this.#ending = false;
    const { place, command, args, onUnexpectedExit } = this.#options;
    const clientUrl = `http://${place.clientAddress}`;
    const full = [
      ...place.commandPrefix,
      ...PARENT_DEATH,
      ...command,
      ...["--name", this.name, "--data-dir", this.dataDir],
      ...["--listen-client-urls", clientUrl, "--advertise-client-urls", clientUrl],
      ...["--listen-peer-urls", place.listenPeerUrl],
      ...["--initial-advertise-peer-urls", place.advertisedPeerUrl],
      ...initial,
      ...args,
    ];
    const log = openSync(this.logFile, "a");
    writeSync(log, `=== life ${this.lives}: ${full.join(" ")}\n`);
    const child = spawn(full[0]!, full.slice(1), {
      stdio: ["ignore", log, log],
      env: { ...process.env, ...this.env },
    });
    closeSync(log);
    this.#child = child;
    killAtExit(child);
    this.#exit = new Promise((resolve) => {
      const ended = (exit: Exit): void => {
        if (this.#child === child) this.#child = undefined;
        this.paused = false;
        if (!this.#ending) {
          onUnexpectedExit(`${this.name} ended on its own with ${exit.code ?? exit.signal}:\n${this.tail()}`);
        }
        resolve(exit);
      };
      child.on("error", () => ended({ code: -1, signal: null }));
      child.on("exit", (code, signal) => ended({ code, signal }));
    });
    if (child.pid !== undefined) this.#options.network.occupied(this.name, child.pid);
  }

  /** SIGKILL, as a crash; resolves when the process is gone. */
  async kill(): Promise<void> {
    this.#ending = true;
    this.#child?.kill("SIGKILL");
    await this.#exit;
  }

  /** SIGTERM; SIGKILL after fifteen seconds, which is a finding. */
  async stop(): Promise<void> {
    this.#ending = true;
    const child = this.#child;
    if (child === undefined) return;
    child.kill("SIGTERM");
    const timer = setTimeout(() => {
      this.#options.onUnexpectedExit(`${this.name} did not stop on SIGTERM`);
      child.kill("SIGKILL");
    }, 15_000);
    await this.#exit;
    clearTimeout(timer);
  }

  pause(): void {
    process.kill(this.pid, "SIGSTOP");
    this.paused = true;
  }

  resume(): void {
    if (!this.paused) return;
    process.kill(this.pid, "SIGCONT");
    this.paused = false;
  }

  /** Loses everything it has on disk. */
  wipe(): void {
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  /** The end of its log. */
  tail(lines = 15): string {
    if (!existsSync(this.logFile)) return "";
    return readFileSync(this.logFile, "utf8").trimEnd().split("\n").slice(-lines).join("\n");
  }

  holdings(): Holdings {
    const status = readFileSync(`/proc/${this.pid}/status`, "utf8");
    const number = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1]);
    const dir = `/proc/${this.pid}/fd`;
    const targets = readdirSync(dir).map((fd) => {
      try {
        return readlinkSync(`${dir}/${fd}`);
      } catch {
        return ""; // closed meanwhile
      }
    });
    return {
      descriptors: targets.length,
      sockets: targets.filter((target) => target.startsWith("socket:")).length,
      threads: number("Threads"),
      residentMiB: Math.round(number("VmRSS") / 1024),
    };
  }
}
