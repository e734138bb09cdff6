/**
 * Where a guide's commands are run: its machines are addresses of the loopback network and folders of their own, its
 * programs come first in PATH, and its administrator keeps one environment from block to block.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { which } from "@quorate/testkit/etcd";
import { temporaryDir } from "@quorate/testkit/process";
import { sleep } from "../../cluster/load/session.ts";
import { within } from "../within.ts";
import type { Block } from "./blocks.ts";

const READY = "ready to serve client requests";
const TIMEOUT_MS = 120_000;
/** Addresses in guides. */
const GUIDE_NETWORK = "10.0.1.";
const GUIDE_DATA = "/var/lib/";
const PARENT_DEATH = which("setpriv") === undefined ? [] : ["setpriv", "--pdeathsig", "KILL"];

/** Another name for what a guide names. */
export type Names = Readonly<Record<string, string>>;

interface Service {
  readonly child: ChildProcess;
  readonly logFile: string;
  readonly ended: Promise<number | null>;
}

let stages = 0;

export class Stage {
  readonly dir = temporaryDir("guide");
  /** The first three numbers of all addresses. */
  readonly network = `127.${100 + (process.pid % 100)}.${++stages}.`;
  /** What runs on which machine. */
  readonly #services = new Map<string, Service>();
  readonly #started: Service[] = [];

  /** `programs`: which file to run for a name. */
  constructor(programs: Names) {
    const bin = path.join(this.dir, "bin");
    mkdirSync(bin);
    for (const [name, file] of Object.entries(programs)) {
      writeFileSync(path.join(bin, name), `#!/bin/sh\nexec "${file}" "$@"\n`);
      chmodSync(path.join(bin, name), 0o755);
    }
    // Stops what runs on the machine, and waits for its end.
    writeFileSync(
      path.join(bin, "systemctl"),
      `#!/bin/sh\n[ "$1" = stop ] || exit 2\nkill "$SERVICE_PID"\nwhile kill -0 "$SERVICE_PID" 2>/dev/null; do sleep 0.1; done\n`,
    );
    chmodSync(path.join(bin, "systemctl"), 0o755);
  }

  /** Runs a block under other names; what it printed. Resolves, for one that `runs`, when that serves. */
  async run(block: Block, names: Names = {}): Promise<string> {
    const machine = rename(block.machine, names);
    const script = this.#place(rename(block.script, names), machine);
    if (block.runs) {
      await this.#serve(machine, script);
      return "";
    }
    for (const giveUpAt = performance.now() + TIMEOUT_MS; ; ) {
      const { status, output, errors } = await this.#execute(script, machine);
      if (status === 0) return output;
      const refused = block.again && errors.includes("unhealthy cluster");
      if (refused && performance.now() < giveUpAt) await sleep(1_000);
      else
        throw new Error(
          `the block of line ${block.line} ended with ${status}:\n${script}\n${output}${errors}`,
        );
    }
  }

  async #execute(script: string, machine: string) {
    const state = path.join(this.dir, "environment.sh");
    const restored = existsSync(state) ? `. ${state}\n` : "";
    const running = this.#services.get(machine)?.child.pid;
    const full = `${restored}export SERVICE_PID=${running ?? ""}\nset -ae\n${script}\nexport -p > ${state}`;
    const child = spawn("bash", ["-o", "pipefail", "-c", full], this.#options);
    let output = "";
    child.stdout!.on("data", (chunk) => {
      output += chunk;
    });
    let errors = "";
    child.stderr!.on("data", (chunk) => {
      errors += chunk;
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), TIMEOUT_MS);
    const status = await ending(child);
    clearTimeout(timer);
    return { status, output, errors };
  }

  /** Waits until what ran there has ended by itself, with status 0. */
  async ended(machine: string): Promise<void> {
    const status = await within(this.#service(machine).ended, TIMEOUT_MS);
    if (status === 0) this.#services.delete(machine);
    else throw new Error(`${machine} has not ended well (${status}):\n${this.log(machine).slice(-4_000)}`);
  }

  /** The machine is lost. */
  async kill(machine: string): Promise<void> {
    const { child, ended } = this.#service(machine);
    child.kill("SIGKILL");
    await ended;
    this.#services.delete(machine);
  }

  /** What the program on a machine has written to its log. */
  log(machine: string): string {
    return readFileSync(this.#service(machine).logFile, "utf8");
  }

  async close(): Promise<void> {
    for (const { child, ended } of this.#started) {
      child.kill("SIGKILL");
      await ended;
    }
  }

  /** Puts the guide's addresses and folders where they are here. */
  #place(script: string, machine: string): string {
    return script.replaceAll(GUIDE_NETWORK, this.network).replaceAll(GUIDE_DATA, `${this.#folder(machine)}/`);
  }

  #folder(machine: string): string {
    const folder = path.join(this.dir, machine);
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  get #options() {
    return {
      cwd: this.dir,
      env: { ...process.env, PATH: `${path.join(this.dir, "bin")}:${process.env.PATH}` },
    };
  }

  async #serve(machine: string, script: string): Promise<void> {
    const logFile = path.join(this.dir, `${machine}.log`);
    const log = openSync(logFile, "w");
    // The shell's last command takes its place, so that a signal meets the server.
    const command = [...PARENT_DEATH, "bash", "-ec", script.replace(/^(quorate|etcd) /m, "exec $1 ")];
    const child = spawn(command[0]!, command.slice(1), {
      ...this.#options,
      stdio: ["ignore", log, log],
    });
    const service = { child, logFile, ended: ending(child) };
    this.#services.set(machine, service);
    this.#started.push(service);
    for (const giveUpAt = performance.now() + TIMEOUT_MS; !this.log(machine).includes(READY); ) {
      if (child.exitCode !== null || performance.now() > giveUpAt) {
        throw new Error(`${machine} does not serve:\n${script}\n${this.log(machine).slice(-4_000)}`);
      }
      await sleep(50);
    }
  }

  #service(machine: string): Service {
    const service = this.#services.get(machine);
    if (service === undefined) throw new Error(`nothing runs on ${machine}`);
    return service;
  }
}

/** All at once, so that names may be exchanged. */
function rename(text: string, names: Names): string {
  const keys = Object.keys(names);
  if (keys.length === 0) return text;
  const pattern = new RegExp(keys.map((key) => `${key.replaceAll(".", "\\.")}\\b`).join("|"), "g");
  return text.replace(pattern, (name) => names[name]!);
}

function ending(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve(code));
  });
}
