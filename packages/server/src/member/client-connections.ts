import type { Server as HttpServer } from "node:http";
import type net from "node:net";
import { Acceptor, type SecureConnections, TLS_PROTOCOLS } from "@quorate/rpc/server";
import type { Clock } from "@quorate/storage/seams/clock";
import type { Servers } from "../client-port/client-servers.ts";
import type { ListenUrl, Service, Traffic } from "../client-port/listeners.ts";
import type { ServerConfig } from "../config/server-config.ts";
import type { TlsSettings } from "../config/tls-settings.ts";
import type { Logger } from "../log/logger.ts";
import { Certificates } from "../tls/certificates.ts";
import { TlsAcceptor } from "../tls/tls-acceptor.ts";

type Serve = (socket: net.Socket, service: Service) => void;

/** Where clients are listened for, and for what. */
export function clientUrls(config: ServerConfig): ListenUrl[] {
  const { listenClientUrls, listenClientHttpUrls } = config;
  const traffic = listenClientHttpUrls.length === 0 ? "grpc+http" : "grpc";
  return [
    ...listenClientUrls.map((url) => ({ url, traffic }) as const),
    ...listenClientHttpUrls.map((url) => ({ url, traffic: "http" }) as const),
  ];
}

/** Hands connections of clients to the servers of their traffic. */
export function serveClients(
  config: ServerConfig,
  servers: ReadonlyMap<Traffic, Servers>,
  clock: Clock,
  log: Logger,
): Serve {
  const secure = secureConnections(config.clientTls, TLS_PROTOCOLS, clock, log);
  const acceptors = new Map(
    [...servers].map(([traffic, each]) => [traffic, new AcceptorOfSchemes(each, secure)]),
  );
  return (socket, service) => acceptors.get(service.traffic)!.accept(socket, service);
}

/**
 * Hands connections to the server of metrics and health, over HTTP/1.1. As in etcd a certificate is good only from the
 * addresses that it names.
 */
export function serveMetrics(config: ServerConfig, http: HttpServer, clock: Clock, log: Logger): Serve {
  const settings = config.clientTls && { ...config.clientTls, verifyClientAddress: true };
  const secure = secureConnections(settings, ["http/1.1"], clock, log);
  const acceptor = new AcceptorOfSchemes({ http }, secure);
  return (socket, service) => acceptor.accept(socket, service);
}

/** One for each set of schemes that an address may have. */
class AcceptorOfSchemes {
  readonly #plain: Acceptor;
  readonly #secure: Acceptor | undefined;
  readonly #both: Acceptor | undefined;

  constructor(servers: Servers, tls: SecureConnections | undefined) {
    this.#plain = new Acceptor(servers);
    this.#secure = tls && new Acceptor({ ...servers, tls });
    this.#both = tls && new Acceptor({ ...servers, tls, plaintext: true });
  }

  accept(socket: net.Socket, { tls, plaintext }: Service): void {
    const acceptor = !tls ? this.#plain : plaintext ? this.#both : this.#secure;
    acceptor!.accept(socket);
  }
}

function secureConnections(
  settings: TlsSettings | undefined,
  protocols: readonly string[],
  clock: Clock,
  log: Logger,
): SecureConnections | undefined {
  if (settings === undefined) return undefined;
  const certificates = new Certificates(settings, "client", clock, log);
  return (onSecure) => {
    const acceptor = new TlsAcceptor({ certificates, side: "client", protocols, log, onSecure });
    return (socket) => acceptor.accept(socket);
  };
}
