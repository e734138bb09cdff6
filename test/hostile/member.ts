/** A member behind TLS with users, what its process does meanwhile, and a client of it that behaves. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import https from "node:https";
import net from "node:net";
import path from "node:path";
import type tls from "node:tls";
import { Server, temporaryDir } from "@quorate/testkit/process";
import { repositoryRoot, target } from "@quorate/testkit/target";
import type { MemberWatch } from "../fuzz/member-watch.ts";

const certFile = path.join(repositoryRoot, "packages/rpc/testdata/localhost-cert.pem");
const keyFile = path.join(repositoryRoot, "packages/rpc/testdata/localhost-key.pem");
/** On a machine with much else to do. */
const START_TIMEOUT_MS = 120_000;
const ANSWER_TIMEOUT_MS = 20_000;
const PASSWORD = "of the user root";

/** What everybody connects with: the member trusts its own certificate. */
export const IDENTITY: tls.ConnectionOptions = {
  cert: readFileSync(certFile),
  key: readFileSync(keyFile),
  ca: readFileSync(certFile),
  servername: "localhost",
};

export class AttackedMember {
  readonly #server: Server;
  readonly #watchPath: string;
  readonly #agent = new https.Agent({ ...IDENTITY, keepAlive: true, maxSockets: 1 });
  #token = "";

  private constructor(server: Server, watchPath: string) {
    this.#server = server;
    this.#watchPath = watchPath;
  }

  static async start(): Promise<AttackedMember> {
    const watchPath = path.join(temporaryDir("hostile"), "watch");
    const preload = `--import=${path.join(repositoryRoot, "test/fuzz/member-watch.ts")} --disable-warning=ExperimentalWarning`;
    const server = await Server.start({
      command: target().command,
      clientScheme: "https",
      args: [
        `--cert-file=${certFile}`,
        `--key-file=${keyFile}`,
        `--trusted-ca-file=${certFile}`,
        "--bcrypt-cost=4",
      ],
      startTimeoutMs: START_TIMEOUT_MS,
      env: { NODE_OPTIONS: preload, QUORATE_FUZZ_SOCKET: watchPath },
    });
    const member = new AttackedMember(server, watchPath);
    await member.#enableUsers();
    return member;
  }

  get port(): number {
    return this.#server.clientPort;
  }

  /** Asks over JSON with a token, by default a good one, on the connection that is kept. */
  ask(call: string, body: unknown, token = this.#token): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const request = https.request(
        {
          agent: this.#agent,
          host: "127.0.0.1",
          port: this.port,
          path: `/v3/${call}`,
          method: "POST",
          headers: token === "" ? {} : { authorization: token },
          timeout: ANSWER_TIMEOUT_MS,
        },
        (response) => {
          let text = "";
          response.on("data", (chunk: Buffer) => {
            text += chunk;
          });
          response.on("end", () => resolve({ status: response.statusCode!, text }));
          response.on("error", reject);
        },
      );
      request.on("timeout", () =>
        request.destroy(new Error(`${call}: no answer in ${ANSWER_TIMEOUT_MS} ms`)),
      );
      request.on("error", (error) => {
        // The member ends a connection that is not used for a while, and this process may have been busy for as long.
        if (request.reusedSocket) this.ask(call, body, token).then(resolve, reject);
        else reject(error);
      });
      request.end(JSON.stringify(body));
    });
  }

  /** A put on the connection that is kept, and the same on a new one. Returns how long the slower one took. */
  async putTwice(): Promise<number> {
    const startedMs = performance.now();
    const put = { key: "aw==", value: "dg==" };
    assert.equal((await this.ask("kv/put", put)).status, 200);
    const keptMs = performance.now() - startedMs;
    for (const socket of Object.values(this.#agent.freeSockets).flat()) socket?.destroy();
    const againMs = performance.now();
    assert.equal((await this.ask("kv/put", put)).status, 200);
    return Math.max(keptMs, performance.now() - againMs);
  }

  /** Resident, in octets. */
  get residentBytes(): number {
    const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.#server.pid}/status`, "utf8"))!;
    return Number(kib) * 1_024;
  }

  /** Looks into the process, and begins to measure turns anew. */
  look(what: "look" | "collect" = "look"): Promise<MemberWatch> {
    return new Promise((resolve, reject) => {
      const socket = net.connect(this.#watchPath, () => socket.write(what));
      let text = "";
      socket.setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy(new Error("the process does not answer")));
      socket.on("data", (chunk: Buffer) => {
        text += chunk;
      });
      socket.on("error", reject);
      socket.on("end", () => resolve(JSON.parse(text) as MemberWatch));
    });
  }

  /** Ends as it should. */
  async stop(): Promise<void> {
    this.#agent.destroy();
    assert.equal((await this.#server.stop()).signal, "SIGTERM", this.#server.tail);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    await this.#server[Symbol.asyncDispose]();
  }

  async #enableUsers(): Promise<void> {
    const ask = async (call: string, body: unknown) => {
      const { status, text } = await this.ask(call, body);
      assert.equal(status, 200, text);
      return text;
    };
    await ask("auth/user/add", { name: "root", password: PASSWORD });
    await ask("auth/user/grant", { user: "root", role: "root" });
    await ask("auth/enable", {});
    const { token } = JSON.parse(await ask("auth/authenticate", { name: "root", password: PASSWORD }));
    this.#token = String(token);
  }
}
