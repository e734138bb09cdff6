import net from "node:net";
import tls from "node:tls";
import { remoteAddress } from "@quorate/rpc/server";
import type { Logger } from "../log/logger.ts";
import { hasAllowedName } from "./allowed-names.ts";
import type { Certificates, Credentials, TlsSide } from "./certificates.ts";
import { addressObjection, type NameResolver, systemResolver } from "./client-address.ts";
import { Handshake, type HandshakeOptions } from "./handshake.ts";
import { type HandshakeTurns, handshakeTurns } from "./handshake-turns.ts";
import { serialsOf } from "./revocation.ts";

export interface TlsAcceptorOptions {
  readonly certificates: Certificates;
  readonly side: TlsSide;
  /** Protocols to choose from by ALPN, the preferred one first. */
  readonly protocols: readonly string[];
  readonly log: Logger;
  /** Gets the connections whose certificate is acceptable. */
  readonly onSecure: (socket: tls.TLSSocket) => void;
  /** Where it is not as the settings say. */
  readonly verifyClientAddress?: boolean;
  readonly resolver?: NameResolver;
  /** Default: shared by all ports of the side. */
  readonly turns?: HandshakeTurns;
}

/** Makes accepted connections secure, lets through those whose certificate is acceptable, and logs the others. */
export class TlsAcceptor {
  readonly #certificates: Certificates;
  readonly #options: TlsAcceptorOptions;
  readonly #resolver: NameResolver;
  readonly #log: Logger;
  readonly #handshakeOptions: Omit<HandshakeOptions, "onSecure" | "onFailure">;

  constructor(options: TlsAcceptorOptions) {
    this.#options = options;
    this.#certificates = options.certificates;
    this.#resolver = options.resolver ?? systemResolver;
    this.#log = options.log.for("tls/tls-acceptor.ts");
    const { requireClientCertificate } = options.certificates.settings;
    this.#handshakeOptions = {
      credentials: () => options.certificates.serverCredentials(),
      tls: {
        ALPNProtocols: [...options.protocols],
        // Who has no certificate is told so in the handshake. The certificate itself is judged below: a server of the
        // runtime's would refuse it before that, by OpenSSL's rules and without a reason.
        requestCert: requireClientCertificate,
        rejectUnauthorized: requireClientCertificate,
      },
      turns: options.turns ?? handshakeTurns[options.side],
    };
  }

  /** Takes over the socket, whose errors somebody listens to. */
  accept(socket: net.Socket): void {
    // Of a connection that has ended, the runtime does not tell.
    const remote = remoteOf(socket);
    new Handshake(socket, {
      ...this.#handshakeOptions,
      onSecure: (secure, credentials) => {
        secure.on("error", destroyThis);
        this.#check(secure, credentials, remote).catch((error: Error) =>
          this.#reject(secure, remote, error.message, "warn"),
        );
      },
      onFailure: (failed, error, level) => this.#reject(failed, remote, error, level),
    });
  }

  async #check(socket: tls.TLSSocket, credentials: Credentials, remote: string): Promise<void> {
    const refusal = await this.#refusalOf(socket, credentials).catch((error: Error) => error.message);
    if (refusal !== undefined) this.#reject(socket, remote, refusal, "warn");
    else if (!socket.destroyed) this.#options.onSecure(socket);
  }

  async #refusalOf(socket: tls.TLSSocket, credentials: Credentials): Promise<string | undefined> {
    const { settings } = this.#certificates;
    const objection = releaseToServer(socket);
    if (!settings.requireClientCertificate) return undefined;
    const leaf = socket.getPeerX509Certificate();
    if (leaf === undefined) return "the client did not provide a certificate";
    socket.authorized = this.#certificates.isVerified(credentials, leaf, "clientAuth", objection);
    if (!socket.authorized) return `failed to verify the client's certificate: ${objection}`;
    if (!hasAllowedName(leaf, settings)) return "client certificate authentication failed";
    const revoked = await this.#certificates.revokedSerials();
    if (revoked !== undefined) {
      const serial = serialsOf(socket.getPeerCertificate(true)).find((each) => revoked.has(each));
      if (serial !== undefined) return `certificate serial ${serial} has been revoked`;
    }
    const { remoteAddress } = socket;
    const { verifyClientAddress = settings.verifyClientAddress } = this.#options;
    if (!verifyClientAddress || remoteAddress === undefined) return undefined;
    return addressObjection(leaf, remoteAddress, this.#resolver);
  }

  #reject(socket: net.Socket, remote: string, error: string, level: "debug" | "warn"): void {
    this.#log[level](`rejected connection on ${this.#options.side} endpoint`, {
      "remote-addr": remote,
      "server-name": (socket instanceof tls.TLSSocket && socket.servername) || "",
      error,
    });
    socket.destroy();
  }
}

/** What the runtime's own server does with a connection after the handshake; it shows these parts nowhere else. */
interface AcceptedSocket {
  readonly ssl: { verifyError(): { readonly code: string } | null };
  /** From now on errors end the connection. */
  _releaseControl(): boolean;
}

/** Returns OpenSSL's objection to the certificate that was asked for. */
function releaseToServer(socket: tls.TLSSocket): string | undefined {
  const accepted = socket as unknown as AcceptedSocket;
  accepted._releaseControl();
  return accepted.ssl.verifyError()?.code;
}

/** As Go writes it; empty for a unix socket. */
function remoteOf(socket: net.Socket): string {
  const address = remoteAddress(socket);
  if (address === "") return "";
  return net.isIPv6(address) ? `[${address}]:${socket.remotePort}` : `${address}:${socket.remotePort}`;
}

function destroyThis(this: net.Socket): void {
  this.destroy();
}
