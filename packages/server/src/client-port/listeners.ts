import type net from "node:net";
import type { Clock } from "@quorate/storage/seams/clock";
import { ConfigError } from "../config/errors.ts";
import { type BindAddress, bindAddresses, openUrl } from "../http/bind-addresses.ts";
import { HeldConnections } from "../http/held-connections.ts";
import { BACKLOG, ListeningSockets } from "../http/listening-sockets.ts";

/** As many more may wait as in the system's own queue. */
const MAX_HELD = BACKLOG;

/** What is served at an address. */
export type Traffic = "grpc+http" | "grpc" | "http" | "metrics";

export interface ListenUrl {
  readonly url: string;
  readonly traffic: Traffic;
}

/** How connections to an address are served. */
export interface Service {
  readonly traffic: Traffic;
  readonly tls: boolean;
  readonly plaintext: boolean;
}

export interface ListenOptions {
  readonly urls: readonly ListenUrl[];
  /** Whether there is a certificate, so that https can be served. */
  readonly secure: boolean;
  readonly clock: Clock;
  /** Other processes may listen at the same addresses. Default false. */
  readonly reusePort?: boolean;
}

/**
 * Sockets that take the connections of clients, and the connections themselves. Those that come before the member serves
 * them wait until it does.
 */
export class Listeners {
  /** The listen URLs, a port 0 replaced by the one that was given. */
  readonly urls: ListenUrl[] = [];
  readonly #sockets: ListeningSockets;
  readonly #held: HeldConnections;
  #serve: ((socket: net.Socket, service: Service) => void) | undefined;

  private constructor({ clock, reusePort }: ListenOptions) {
    this.#sockets = new ListeningSockets({ allowHalfOpen: true, reusePort });
    this.#held = new HeldConnections({ clock, mostHeld: MAX_HELD });
  }

  /** Throws `ConfigError` when an address cannot be had; nothing is left open then. */
  static async open(options: ListenOptions): Promise<Listeners> {
    const { urls, secure } = options;
    const listeners = new Listeners(options);
    const sharing = Map.groupBy(
      urls.flatMap(({ url }) => bindAddresses(url)),
      nameOf,
    );
    try {
      for (const { url, traffic } of urls) {
        const opened = await openUrl(url, async (address) => {
          if (address.secure && !secure) throw new ConfigError(`no TLS certificate is configured for ${url}`);
          // An address that is given with both schemes serves both, from its first mention on.
          const together = address.port === 0 ? [address] : (sharing.get(nameOf(address)) ?? [address]);
          if (together[0]!.url !== url) return address.port;
          const service = { traffic, ...schemesOf(together) };
          return listeners.#sockets.open(address, (socket) => listeners.#accept(socket, service));
        });
        listeners.urls.push({ url: opened, traffic });
      }
    } catch (error) {
      await listeners.close();
      throw error;
    }
    return listeners;
  }

  /** From now on connections are served, those first that wait. `serve` takes a socket over, which is paused. */
  serve(serve: (socket: net.Socket, service: Service) => void): void {
    this.#serve = (socket, service) => {
      if (!socket.destroyed) serve(socket, service);
    };
    this.#held.serveAll();
  }

  /** Takes no more connections; those that are there go on. */
  stopListening(): void {
    this.#sockets.stopListening();
  }

  /** Ends all connections. Resolves when nothing is left. */
  close(): Promise<void> {
    return this.#sockets.close();
  }

  #accept(socket: net.Socket, service: Service): void {
    if (this.#serve !== undefined) this.#serve(socket, service);
    else this.#held.hold(socket, () => this.#serve!(socket, service));
  }
}

function schemesOf(addresses: readonly BindAddress[]): Pick<Service, "tls" | "plaintext"> {
  return {
    tls: addresses.some(({ secure }) => secure),
    plaintext: addresses.some(({ secure }) => !secure),
  };
}

function nameOf({ path, host, port }: BindAddress): string {
  return path ?? `${host}:${port}`;
}
