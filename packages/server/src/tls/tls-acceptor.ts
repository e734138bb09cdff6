import net from "node:net";
import tls from "node:tls";
import type { Logger } from "../telemetry/logger.ts";
import { hasAllowedName } from "./allowed-names.ts";
import type { Certificates, TlsSide } from "./certificates.ts";
import { matchesAddress, type NameResolver, systemResolver } from "./client-address.ts";
import { serialsOf } from "./revocation.ts";

const HANDSHAKE_TIMEOUT_MS = 10_000;

export interface TlsAcceptorOptions {
  readonly certificates: Certificates;
  readonly side: TlsSide;
  /** Protocols to choose from by ALPN, the preferred one first. */
  readonly protocols: readonly string[];
  readonly log: Logger;
  /** Gets the connections whose certificate is acceptable. */
  readonly onSecure: (socket: tls.TLSSocket) => void;
  readonly resolver?: NameResolver;
}

/** Makes accepted connections secure, lets through those whose certificate is acceptable, and logs the others. */
export class TlsAcceptor {
  readonly #certificates: Certificates;
  readonly #options: TlsAcceptorOptions;
  readonly #resolver: NameResolver;
  readonly #log: Logger;
  /** Who is at the other end: of a connection that has ended, the runtime does not tell. */
  readonly #remotes = new WeakMap<net.Socket, string>();
  /** It does not listen. */
  readonly #server: tls.Server;

  constructor(options: TlsAcceptorOptions) {
    this.#options = options;
    this.#certificates = options.certificates;
    this.#resolver = options.resolver ?? systemResolver;
    this.#log = options.log.for("tls/tls-acceptor.ts");
    this.#server = tls.createServer({
      requestCert: options.certificates.settings.requireClientCertificate,
      // The certificate is judged below, where the reason is known and OpenSSL has not the last word.
      rejectUnauthorized: false,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      ALPNProtocols: [...options.protocols],
    });
    this.#server.on("secureConnection", (socket) => void this.#check(socket));
    this.#server.on("tlsClientError", (error, socket) =>
      this.#reject(socket, reasonOf(error), hasLeft(error)),
    );
  }

  /** Takes over the socket, whose errors somebody listens to. */
  async accept(socket: net.Socket): Promise<void> {
    this.#remotes.set(socket, remoteOf(socket));
    const context = await this.#certificates.serverContext();
    if (socket.destroyed) return;
    setContext(this.#server, context);
    this.#server.emit("connection", socket);
  }

  async #check(socket: tls.TLSSocket): Promise<void> {
    socket.on("error", () => socket.destroy());
    const refusal = await this.#refusalOf(socket).catch((error: Error) => error.message);
    if (refusal !== undefined) this.#reject(socket, refusal, false);
    else if (!socket.destroyed) this.#options.onSecure(socket);
  }

  async #refusalOf(socket: tls.TLSSocket): Promise<string | undefined> {
    const { settings } = this.#certificates;
    if (!settings.requireClientCertificate) return undefined;
    const leaf = socket.getPeerX509Certificate();
    if (leaf === undefined) return "the client did not provide a certificate";
    if (!this.#certificates.isVerified(socket, "clientAuth")) {
      return `failed to verify the client's certificate: ${socket.authorizationError}`;
    }
    if (!hasAllowedName(leaf, settings)) return "client certificate authentication failed";
    const revoked = await this.#certificates.revokedSerials();
    if (revoked !== undefined) {
      const serial = serialsOf(socket.getPeerCertificate(true)).find((each) => revoked.has(each));
      if (serial !== undefined) return `certificate serial ${serial} has been revoked`;
    }
    const { remoteAddress } = socket;
    if (!settings.verifyClientAddress || remoteAddress === undefined) return undefined;
    if (await matchesAddress(leaf, remoteAddress, this.#resolver)) return undefined;
    return `${remoteAddress} does not match any of the certificate's names (${leaf.subjectAltName})`;
  }

  /** Who leaves in the middle of a handshake (a port scan, a health check by TCP) is no warning's worth. */
  #reject(socket: tls.TLSSocket, error: string, left: boolean): void {
    const level = left ? "debug" : "warn";
    this.#log[level](`rejected connection on ${this.#options.side} endpoint`, {
      "remote-addr": this.#remotes.get(transportOf(socket)) ?? remoteOf(socket),
      "server-name": socket.servername || "",
      error,
    });
    socket.destroy();
  }
}

/**
 * What `setSecureContext` sets. That makes a context of its own, though, on every change anew and without
 * `allowPartialTrustChain`.
 */
function setContext(server: tls.Server, context: tls.SecureContext): void {
  (server as { _sharedCreds?: tls.SecureContext })._sharedCreds = context;
}

/** The connection under a secure one: what the runtime keeps for itself, and shows nowhere else. */
function transportOf(socket: tls.TLSSocket): net.Socket {
  return (socket as { _parent?: net.Socket })._parent ?? socket;
}

/** As Go writes it; empty for a unix socket. */
function remoteOf({ remoteAddress, remotePort }: net.Socket): string {
  if (remoteAddress === undefined) return "";
  return net.isIPv6(remoteAddress) ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
}

/** Of OpenSSL's errors the part that is for people. */
function reasonOf(error: Error & { readonly reason?: string }): string {
  return error.reason ?? error.message;
}

function hasLeft(error: NodeJS.ErrnoException): boolean {
  return error.code === "ECONNRESET" && error.syscall === undefined;
}
