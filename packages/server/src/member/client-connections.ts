import type { Server as HttpServer } from "node:http";
import type net from "node:net";
import { Acceptor, type SecureConnections, TLS_PROTOCOLS } from "@quorate/rpc/server";
import type { Servers } from "../client-port/client-servers.ts";
import type { ListenUrl, Service, Traffic } from "../client-port/listeners.ts";
import type { ServerConfig } from "../config/server-config.ts";
import type { Logger } from "../log/logger.ts";
import type { Certificates } from "../tls/certificates.ts";
import { TlsAcceptor, type TlsAcceptorOptions } from "../tls/tls-acceptor.ts";

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
  certificates: Certificates | undefined,
  servers: ReadonlyMap<Traffic, Servers>,
  log: Logger,
): Serve {
  const secure = secureConnections(certificates, { side: "client", protocols: TLS_PROTOCOLS, log });
  const acceptors = new Map(
    [...servers].map(([traffic, each]) => [traffic, new AcceptorOfSchemes(each, secure)]),
  );
  return (socket, service) => acceptors.get(service.traffic)!.accept(socket, service);
}

/**
 * Hands connections to the server of metrics and health, over HTTP/1.1. As in etcd a certificate is good only from the
 * addresses that it names.
 */
export function serveMetrics(certificates: Certificates | undefined, http: HttpServer, log: Logger): Serve {
  const options = { side: "client", protocols: ["http/1.1"], verifyClientAddress: true, log } as const;
  const acceptor = new AcceptorOfSchemes({ http }, secureConnections(certificates, options));
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
  certificates: Certificates | undefined,
  options: Omit<TlsAcceptorOptions, "certificates" | "onSecure">,
): SecureConnections | undefined {
  if (certificates === undefined) return undefined;
  return (onSecure) => {
    const acceptor = new TlsAcceptor({ ...options, certificates, onSecure });
    return (socket) => acceptor.accept(socket);
  };
}
