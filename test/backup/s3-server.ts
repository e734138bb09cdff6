import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import { buildGo } from "@quorate/testkit/go";
import { freePort } from "@quorate/testkit/ports";
import { killAtExit, temporaryDir } from "@quorate/testkit/process";
import { until } from "@quorate/testkit/wait";

const built = buildGo(path.join(import.meta.dirname, "s3-server"), ["build"]);

/** Why there is no server; undefined when there can be one. */
export const noS3 = "missing" in built ? built.missing : undefined;

/** gofakes3 with its objects in a file: what was put is there again when it is started again. */
export class S3Server {
  static readonly bucket = "backups";
  readonly endpoint: string;
  readonly #command: readonly string[];
  #child: ChildProcess | undefined;

  private constructor(port: number, file: string) {
    this.endpoint = `http://127.0.0.1:${port}`;
    this.#command = ["-listen", `127.0.0.1:${port}`, "-file", file, "-bucket", S3Server.bucket];
  }

  static async start(): Promise<S3Server> {
    const server = new S3Server(await freePort(), path.join(temporaryDir("s3"), "objects.db"));
    await server.start();
    return server;
  }

  async start(): Promise<void> {
    if ("missing" in built) throw new Error(built.missing);
    const child = spawn(built.found, this.#command, { stdio: "inherit" });
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
