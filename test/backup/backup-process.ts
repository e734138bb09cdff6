import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import { freePort } from "@quorate/testkit/ports";
import { killAtExit } from "@quorate/testkit/process";
import { repositoryRoot } from "@quorate/testkit/target";
import { until } from "@quorate/testkit/wait";

export const S3_ENVIRONMENT = { AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "secret" };

/** `quorate backup run` as a process. */
export class BackupProcess {
  readonly #child: ChildProcess;
  readonly #metricsUrl: string;
  readonly #exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** What it has logged. */
  text = "";

  private constructor(child: ChildProcess, metricsUrl: string) {
    this.#child = child;
    this.#metricsUrl = metricsUrl;
    killAtExit(child);
    child.stderr!.on("data", (chunk: Buffer) => {
      this.text += chunk.toString();
    });
    this.#exit = new Promise((resolve) => child.on("close", (code, signal) => resolve({ code, signal })));
  }

  static async start(args: readonly string[]): Promise<BackupProcess> {
    const url = `http://127.0.0.1:${await freePort()}`;
    const words = ["backup", "run", ...args, "--listen-metrics-urls", url];
    return new BackupProcess(
      spawn(path.join(repositoryRoot, "bin/quorate"), words, {
        env: { ...process.env, ...S3_ENVIRONMENT },
        stdio: ["ignore", "inherit", "pipe"],
      }),
      url,
    );
  }

  /** The number of a metric without labels; undefined while it does not answer. */
  async metric(name: string): Promise<number | undefined> {
    const text = await fetch(`${this.#metricsUrl}/metrics`).then(
      (response) => response.text(),
      () => "",
    );
    const value = new RegExp(`^quorate_backup_${name} (\\S+)$`, "m").exec(text)?.[1];
    return value === undefined ? undefined : Number(value);
  }

  /** Resolves when the store has this revision, and a verified snapshot. */
  async reaches(revision: bigint): Promise<void> {
    try {
      await until(
        async () =>
          ((await this.metric("archived_revision")) ?? 0) >= revision &&
          (await this.metric("newest_verified_timestamp_seconds"))! > 0,
      );
    } catch (error) {
      throw new Error(`${error}\n${this.text}`);
    }
  }

  stop(signal: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    this.#child.kill(signal);
    return this.#exit;
  }
}

/** A command of `quorate` to its end. */
export async function quorate(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = S3_ENVIRONMENT,
): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(path.join(repositoryRoot, "bin/quorate"), args, {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  killAtExit(child);
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    err += chunk.toString();
  });
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, out, err };
}
