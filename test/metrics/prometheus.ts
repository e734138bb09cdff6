import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { cacheDir, type Found, which } from "@quorate/testkit/etcd";
import { freePorts } from "@quorate/testkit/ports";
import { killAtExit, temporaryDir } from "@quorate/testkit/process";
import { until } from "@quorate/testkit/wait";
import { LIMIT_MS, read } from "./load.ts";

export interface PrometheusPrograms {
  readonly prometheus: string;
  readonly promtool: string;
}

/** From PATH, or from Debian's package, which is unpacked into the cache and not installed. */
export function prometheusPrograms(): Found<PrometheusPrograms> {
  const [prometheus, promtool] = [which("prometheus"), which("promtool")];
  if (prometheus !== undefined && promtool !== undefined) return { found: { prometheus, promtool } };
  const directory = path.join(cacheDir, "prometheus");
  const programs = path.join(directory, "usr/bin");
  if (!existsSync(path.join(programs, "promtool"))) unpack(directory);
  if (!existsSync(path.join(programs, "promtool"))) {
    return { missing: "no `prometheus` and `promtool` in PATH (Debian: apt-get install prometheus)" };
  }
  return {
    found: { prometheus: path.join(programs, "prometheus"), promtool: path.join(programs, "promtool") },
  };
}

function unpack(directory: string): void {
  if (which("apt-get") === undefined || which("dpkg") === undefined) return;
  mkdirSync(directory, { recursive: true });
  const script = "apt-get -qq download prometheus && dpkg -x prometheus_*.deb . && rm prometheus_*.deb";
  spawnSync("sh", ["-c", script], { cwd: directory, stdio: "ignore", timeout: 5 * LIMIT_MS });
}

/** What a program says, and whether it ended well, given `input`. */
export function run(program: string, args: readonly string[], input = ""): { ok: boolean; output: string } {
  const { status, stdout, stderr } = spawnSync(program, args, { input, encoding: "utf8", timeout: LIMIT_MS });
  return { ok: status === 0, output: `${stdout}${stderr}` };
}

/** A Prometheus that asks `target` every second, and evaluates the rules of a file as often. */
export class Prometheus implements AsyncDisposable {
  readonly endpoint: string;
  readonly #exited: Promise<unknown>;
  readonly #stop: () => void;

  private constructor(endpoint: string, stop: () => void, exited: Promise<unknown>) {
    this.endpoint = endpoint;
    this.#stop = stop;
    this.#exited = exited;
  }

  static async start(program: string, target: string, rules: string): Promise<Prometheus> {
    const directory = temporaryDir("prometheus");
    const config = path.join(directory, "prometheus.yml");
    const scrapes = { job_name: "etcd", static_configs: [{ targets: [target] }] };
    const globally = { scrape_interval: "1s", evaluation_interval: "1s" };
    // JSON is YAML.
    writeFileSync(
      config,
      JSON.stringify({ global: globally, rule_files: [rules], scrape_configs: [scrapes] }),
    );
    const [port] = await freePorts(1);
    const endpoint = `127.0.0.1:${port}`;
    const args = [`--config.file=${config}`, `--storage.tsdb.path=${directory}/data`];
    const child = spawn(program, [...args, `--web.listen-address=${endpoint}`], { stdio: "ignore" });
    killAtExit(child);
    const exited = new Promise((resolve) => child.once("close", resolve));
    const prometheus = new Prometheus(endpoint, () => child.kill("SIGKILL"), exited);
    await until(async () => {
      const values = await prometheus.query('up{job="etcd"} == 1').catch(() => []);
      return values.length === 1;
    });
    return prometheus;
  }

  /** The series that an expression has now; rejects when it cannot be evaluated. */
  async query(expression: string): Promise<readonly unknown[]> {
    const { result } = (await this.#ask(`/api/v1/query?query=${encodeURIComponent(expression)}`)) as {
      readonly result: readonly unknown[];
    };
    return result;
  }

  /** All rules by name, with what went wrong when they were evaluated last. */
  async rules(): Promise<readonly { name: string; health: string; lastError?: string; query: string }[]> {
    const { groups } = (await this.#ask("/api/v1/rules")) as {
      groups: readonly { rules: readonly { name: string; health: string; query: string }[] }[];
    };
    return groups.flatMap(({ rules }) => rules);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop();
    await this.#exited;
  }

  async #ask(request: string): Promise<unknown> {
    const answer = JSON.parse(await read(this.endpoint, request)) as Record<string, unknown>;
    if (answer.status !== "success") throw new Error(`${request}: ${String(answer.error)}`);
    return answer.data;
  }
}
