import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { buildGo } from "@quorate/testkit/go";
import { freePort } from "@quorate/testkit/ports";
import { killAtExit, temporaryDir } from "@quorate/testkit/process";
import { until } from "@quorate/testkit/wait";
import { S3_ENVIRONMENT } from "./backup-process.ts";

/** `gofakes3` takes every key, `versitygw` checks signatures, as AWS does. */
export type S3Kind = "gofakes3" | "versitygw";

const BUCKET = "backups";

interface S3Program {
  /** Builds it, the first time in up to two minutes. */
  readonly build: () => ReturnType<typeof buildGo>;
  /** Both keep their objects in `folder`: what was put is there again when they are started again. */
  readonly args: (address: string, folder: string) => readonly string[];
}

const PROGRAMS: Readonly<Record<S3Kind, S3Program>> = {
  gofakes3: {
    build: () => buildGo(path.join(import.meta.dirname, "gofakes3"), ["build"]),
    args: (address, folder) => [
      ...["-listen", address, "-file", path.join(folder, "objects.db"), "-bucket", BUCKET],
    ],
  },
  versitygw: {
    build: () =>
      buildGo(path.join(import.meta.dirname, "versitygw"), [
        "build",
        "github.com/versity/versitygw/cmd/versitygw",
      ]),
    args: (address, folder) => ["--quiet", "--port", address, "posix", folder],
  },
};

/** Why there is no such server; undefined when there can be one. */
export function noS3(kind: S3Kind): string | undefined {
  const built = PROGRAMS[kind].build();
  return "missing" in built ? built.missing : undefined;
}

/** A server of S3 with an empty bucket, as a process. */
export class S3Server {
  static readonly bucket = BUCKET;
  readonly endpoint: string;
  readonly #command: string;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;

  private constructor(command: string, address: string, args: readonly string[]) {
    this.endpoint = `http://${address}`;
    this.#command = command;
    this.#args = args;
  }

  static async start(kind: S3Kind): Promise<S3Server> {
    const { build, args } = PROGRAMS[kind];
    const built = build();
    if ("missing" in built) throw new Error(built.missing);
    const folder = temporaryDir("s3");
    mkdirSync(path.join(folder, BUCKET));
    const address = `127.0.0.1:${await freePort()}`;
    const server = new S3Server(built.found, address, args(address, folder));
    await server.start();
    return server;
  }

  async start(): Promise<void> {
    const { AWS_ACCESS_KEY_ID: access, AWS_SECRET_ACCESS_KEY: secret } = S3_ENVIRONMENT;
    const child = spawn(this.#command, this.#args, {
      env: { ...process.env, ROOT_ACCESS_KEY: access, ROOT_SECRET_KEY: secret },
      stdio: ["ignore", "ignore", "inherit"],
    });
    killAtExit(child);
    this.#child = child;
    await until(() =>
      fetch(this.endpoint).then(
        () => true,
        () => false,
      ),
    );
  }

  /** As a crash. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const ended = new Promise((resolve) => child.once("close", resolve));
    child.kill("SIGKILL");
    await ended;
    this.#child = undefined;
  }
}
