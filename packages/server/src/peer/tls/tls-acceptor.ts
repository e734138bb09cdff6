import { constants } from "node:crypto";
import { readFile } from "node:fs/promises";
import type net from "node:net";
import tls from "node:tls";
import type { Logger } from "../../telemetry/logger.ts";
import { hasAllowedName } from "./allowed-names.ts";
import { matchesAddress, type NameResolver } from "./client-address.ts";
import type { PeerCertificates } from "./peer-certificates.ts";
import { revokedSerials, serialsOf } from "./revocation.ts";

const HANDSHAKE_TIMEOUT_MS = 10_000;

/** Makes accepted connections secure, and lets through those whose certificate is acceptable. */
export class TlsAcceptor {
  readonly #certificates: PeerCertificates;
  readonly #resolver: NameResolver;
  readonly #log: Logger;
  readonly #onSecure: (socket: tls.TLSSocket) => void;
  #current: { readonly options: tls.SecureContextOptions; readonly server: tls.Server } | undefined;

  constructor(
    certificates: PeerCertificates,
    resolver: NameResolver,
    log: Logger,
    onSecure: (socket: tls.TLSSocket) => void,
  ) {
    this.#certificates = certificates;
    this.#resolver = resolver;
    this.#log = log;
    this.#onSecure = onSecure;
  }

  /** Takes over the socket, whose errors somebody listens to. */
  async accept(socket: net.Socket): Promise<void> {
    try {
      const options = await this.#certificates.serverOptions();
      if (this.#current?.options !== options) this.#current = { options, server: this.#newServer(options) };
      if (!socket.destroyed) this.#current.server.emit("connection", socket);
    } catch (error) {
      this.#reject(socket, (error as Error).message);
    }
  }

  /** Of one key pair. It does not listen. */
  #newServer(options: tls.SecureContextOptions): tls.Server {
    const { requireClientCertificate } = this.#certificates.settings;
    const server = tls.createServer({
      ...options,
      requestCert: requireClientCertificate,
      rejectUnauthorized: requireClientCertificate,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      // Not h2: who negotiated that would then be spoken to in HTTP/1.1.
      ALPNProtocols: ["http/1.1"],
      // A resumed session shows no certificate chain, and with it nothing that could have been revoked.
      secureOptions: constants.SSL_OP_NO_TICKET,
    });
    server.on("secureConnection", (socket) => void this.#check(socket));
    server.on("tlsClientError", (error, socket) => this.#reject(socket, error.message));
    return server;
  }

  async #check(socket: tls.TLSSocket): Promise<void> {
    socket.on("error", () => socket.destroy());
    const refusal = await this.#refusalOf(socket);
    if (refusal !== undefined) this.#reject(socket, refusal);
    else if (!socket.destroyed) this.#onSecure(socket);
  }

  async #refusalOf(socket: tls.TLSSocket): Promise<string | undefined> {
    const { settings } = this.#certificates;
    if (!settings.requireClientCertificate) return undefined;
    const leaf = socket.getPeerX509Certificate();
    if (leaf === undefined) return "no client certificate";
    if (!hasAllowedName(leaf, settings)) return "client certificate authentication failed";
    if (settings.crlFile !== "") {
      try {
        const revoked = revokedSerials(await readFile(settings.crlFile));
        const serial = serialsOf(socket.getPeerCertificate(true)).find((each) => revoked.has(each));
        if (serial !== undefined) return `certificate serial ${serial} has been revoked`;
      } catch (error) {
        return (error as Error).message;
      }
    }
    const { remoteAddress } = socket;
    if (!settings.verifyClientAddress || remoteAddress === undefined) return undefined;
    if (await matchesAddress(leaf, remoteAddress, this.#resolver)) return undefined;
    return `${remoteAddress} does not match any of the certificate's names (${leaf.subjectAltName})`;
  }

  #reject(socket: net.Socket, error: string): void {
    this.#log.warn("rejected connection on peer endpoint", { "remote-addr": socket.remoteAddress, error });
    socket.destroy();
  }
}
