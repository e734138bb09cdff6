import type { Server as HttpServer } from "node:http";
import type net from "node:net";
import { Acceptor, type GrpcServer, type SecureConnections, TLS_PROTOCOLS } from "@quorate/rpc";
import { ConfigError } from "../config/errors.ts";
import type { ServerConfig } from "../config/server-config.ts";
import { type BindAddress, bindAddresses, openUrl } from "../http/bind-addresses.ts";
import { HeldConnections } from "../http/held-connections.ts";
import { BACKLOG, ListeningSockets } from "../http/listening-sockets.ts";
import type { Logger } from "../log/logger.ts";
import type { Clock } from "../seams/clock.ts";
import { Certificates } from "../tls/certificates.ts";
import { TlsAcceptor } from "../tls/tls-acceptor.ts";

/** As many more may wait as in the system's own queue. */
const MAX_HELD = BACKLOG;

/** The protocols of an address. */
interface Schemes {
  readonly tls: boolean;
  readonly plaintext: boolean;
}

/**
 * Sockets that take the connections of clients, and the connections themselves. Those that come before the member serves
 * clients wait until it does.
 */
export class ClientListeners {
  /** The listen URLs, a port 0 replaced by the one that was given. */
  readonly urls: string[] = [];
  readonly #sockets = new ListeningSockets({ allowHalfOpen: true });
  readonly #held: HeldConnections;
  readonly #clock: Clock;
  #serve: ((socket: net.Socket, schemes: Schemes) => void) | undefined;

  private constructor(clock: Clock) {
    this.#clock = clock;
    this.#held = new HeldConnections({ clock, mostHeld: MAX_HELD });
  }

  /** Throws `ConfigError` when an address cannot be had; nothing is left open then. */
  static async open(config: ServerConfig, clock: Clock): Promise<ClientListeners> {
    const listeners = new ClientListeners(clock);
    const sharing = Map.groupBy(config.listenClientUrls.flatMap(bindAddresses), nameOf);
    try {
      for (const url of config.listenClientUrls) {
        const opened = await openUrl(url, async (address) => {
          if (address.secure && config.clientTls === undefined)
            throw new ConfigError(`no TLS certificate is configured for ${url}`);
          // An address that is given with both schemes serves both, from its first mention on.
          const together = address.port === 0 ? [address] : (sharing.get(nameOf(address)) ?? [address]);
          if (together[0]!.url !== url) return address.port;
          const schemes = schemesOf(together);
          return listeners.#sockets.open(address, (socket) => listeners.#accept(socket, schemes));
        });
        listeners.urls.push(opened);
      }
    } catch (error) {
      await listeners.close();
      throw error;
    }
    return listeners;
  }

  /** From now on connections are served, those first that wait. */
  serve(config: ServerConfig, grpc: GrpcServer, http: HttpServer, log: Logger): void {
    const plain = new Acceptor({ grpc, http });
    const { clientTls } = config;
    const tls = clientTls && secureConnections(new Certificates(clientTls, "client", this.#clock, log), log);
    const secure = tls && new Acceptor({ grpc, http, tls });
    const both = tls && new Acceptor({ grpc, http, tls, plaintext: true });
    this.#serve = (socket, schemes) => {
      const acceptor = !schemes.tls ? plain : schemes.plaintext ? both : secure;
      if (!socket.destroyed) acceptor!.accept(socket);
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

  #accept(socket: net.Socket, schemes: Schemes): void {
    if (this.#serve !== undefined) this.#serve(socket, schemes);
    else this.#held.hold(socket, () => this.#serve!(socket, schemes));
  }
}

function secureConnections(certificates: Certificates, log: Logger): SecureConnections {
  return (onSecure) => {
    const acceptor = new TlsAcceptor({
      certificates,
      side: "client",
      protocols: TLS_PROTOCOLS,
      log,
      onSecure,
    });
    return (socket) => acceptor.accept(socket);
  };
}

function schemesOf(addresses: readonly BindAddress[]): Schemes {
  return {
    tls: addresses.some(({ secure }) => secure),
    plaintext: addresses.some(({ secure }) => !secure),
  };
}

function nameOf({ path, host, port }: BindAddress): string {
  return path ?? `${host}:${port}`;
}
