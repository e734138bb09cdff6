import net from "node:net";
import { formatDuration } from "../go-text/duration.ts";
import type { Log } from "./log.ts";
import type { Remote, Remotes } from "./remotes.ts";

export interface TcpProxyOptions {
  readonly remotes: Remotes;
  /** After so long a remote that has failed is tried again. */
  readonly retryDelayMs: number;
  readonly log: Log;
}

/** Hands bytes on between clients and members, whatever they mean. */
export class TcpProxy {
  readonly #options: TcpProxyOptions;
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  #monitor: NodeJS.Timeout | undefined;

  constructor(options: TcpProxyOptions) {
    this.#options = options;
    // Nothing is read before there is somebody to hand it to, and who has said all may still listen.
    this.#server = net.createServer(
      { pauseOnConnect: true, allowHalfOpen: true, noDelay: true },
      (client) => {
        this.#keep(client);
        void this.#serve(client);
      },
    );
  }

  /** Resolves with the port. Rejects when nobody may listen there. */
  async listen(host: string, port: number): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject);
    this.#server.listen(port, host, resolve);
    await promise;
    const { remotes, retryDelayMs, log } = this.#options;
    log("info", "ready to proxy client requests", { endpoints: remotes.all.map(addressOf) });
    this.#monitor = setInterval(() => this.#retryFailed(), retryDelayMs);
    return (this.#server.address() as net.AddressInfo).port;
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    clearInterval(this.#monitor);
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async #serve(client: net.Socket): Promise<void> {
    const member = await this.#dialAny();
    if (member === undefined || client.destroyed) {
      member?.destroy();
      client.destroy();
      return;
    }
    // With one side goes the other, when it has not ended by itself.
    client.once("close", () => member.destroy());
    member.once("close", () => client.destroy());
    client.pipe(member);
    member.pipe(client);
  }

  async #dialAny(): Promise<net.Socket | undefined> {
    const { remotes, retryDelayMs, log } = this.#options;
    for (let remote = remotes.choose(); remote !== undefined; remote = remotes.choose()) {
      try {
        return await this.#dial(remote);
      } catch (error) {
        remotes.markFailed(remote);
        log("warn", "deactivated endpoint", {
          address: addressOf(remote),
          interval: durationText(retryDelayMs),
          error: (error as Error).message,
        });
      }
    }
    return undefined;
  }

  async #dial({ host, port }: Remote): Promise<net.Socket> {
    const socket = net.connect({ host, port, allowHalfOpen: true, noDelay: true });
    this.#keep(socket);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.once("connect", resolve);
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("connection closed")));
    await promise;
    return socket;
  }

  #keep(socket: net.Socket): void {
    this.#sockets.add(socket);
    // A connection that breaks closes, which is all that matters.
    socket.on("error", () => {});
    socket.once("close", () => this.#sockets.delete(socket));
  }

  #retryFailed(): void {
    for (const remote of this.#options.remotes.failed) void this.#retry(remote);
  }

  async #retry(remote: Remote): Promise<void> {
    const { remotes, retryDelayMs, log } = this.#options;
    const address = addressOf(remote);
    try {
      (await this.#dial(remote)).destroy();
      remotes.markWell(remote);
      log("info", "activated", { address });
    } catch (error) {
      log("warn", "failed to activate endpoint (stay inactive for another interval)", {
        address,
        interval: durationText(retryDelayMs),
        error: (error as Error).message,
      });
    }
  }
}

function addressOf({ host, port }: Remote): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function durationText(ms: number): string {
  return formatDuration(BigInt(Math.round(ms * 1e6)));
}
