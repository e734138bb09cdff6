import http from "node:http";
import net from "node:net";
import type { Duplex } from "node:stream";
import tls from "node:tls";
import { hasAllowedName, isValidFor } from "../tls/allowed-names.ts";
import type { Certificates, Credentials } from "../tls/certificates.ts";
import { type PeerAddress, parsePeerUrl } from "./peer-address.ts";

const TCP_KEEPALIVE_MS = 30_000;
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** Opens connections to other members, plain or TLS as the URL says. */
export class PeerDialer {
  readonly #certificates: () => Certificates;
  readonly #from: Pick<net.TcpNetConnectOpts, "localAddress" | "family">;
  #expectedName: string | undefined;

  /**
   * `certificates` is asked when an https peer is dialled: the system's roots take a while to be read. With
   * `localAddress`, an IP address, connections come from there, and names are looked up in its family.
   */
  constructor(certificates: () => Certificates, localAddress?: string) {
    this.#certificates = certificates;
    this.#from = localAddress === undefined ? {} : { localAddress, family: net.isIP(localAddress) };
  }

  /** Certificates have to be for this name from now on, whichever host is dialled. */
  expectName(name: string): void {
    this.#expectedName = name;
  }

  /**
   * A connection that can be written to. Rejects when that takes longer than `timeoutMs`, or the TLS handshake longer
   * than 10 s after it, or when `signal` fires; nothing is left open then.
   */
  async dial(address: PeerAddress, timeoutMs: number, signal?: AbortSignal): Promise<net.Socket> {
    const plain = net.connect(
      address.path === undefined
        ? { host: address.host, port: address.port, ...this.#from }
        : { path: address.path },
    );
    plain.setNoDelay(true);
    plain.setKeepAlive(true, TCP_KEEPALIVE_MS);
    await untilEvent(plain, "connect", timeoutMs, `dial ${address.url}: i/o timeout`, signal);
    if (!address.secure) return plain;
    return this.#encrypt(plain, address, signal);
  }

  async #encrypt(
    plain: net.Socket,
    address: PeerAddress,
    signal: AbortSignal | undefined,
  ): Promise<net.Socket> {
    let certificates: Certificates;
    let credentials: Credentials;
    try {
      certificates = this.#certificates();
      credentials = await certificates.clientCredentials();
    } catch (error) {
      plain.destroy();
      throw error;
    }
    const name = this.#expectedName ?? address.host;
    // No ALPN: who offers h2 to an etcd member gets it, and HTTP/1.1 inside of it.
    const secure = tls.connect({
      socket: plain,
      host: address.host,
      ...(net.isIP(name) === 0 ? { servername: name } : {}),
      secureContext: credentials.context,
      // We judge the other's certificate below: the runtime would do so by OpenSSL's rules.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    });
    const why = `dial ${address.url}: TLS handshake timeout`;
    await untilEvent(secure, "secureConnect", HANDSHAKE_TIMEOUT_MS, why, signal);
    const refusal = refusalOf(secure, name, certificates, credentials);
    if (refusal !== undefined) {
      secure.destroy();
      throw new Error(`dial ${address.url}: ${refusal}`);
    }
    return secure;
  }
}

/** Why the other side is not whom we wanted; undefined when it is. */
function refusalOf(
  socket: tls.TLSSocket,
  host: string,
  certificates: Certificates,
  credentials: Credentials,
): string | undefined {
  const { settings } = certificates;
  // A certificate that a member made for itself is signed by nobody: such links are encrypted, and no more.
  if (settings.generated !== undefined) return undefined;
  const leaf = socket.getPeerX509Certificate();
  if (leaf === undefined) return "there is no certificate";
  const objection = socket.authorized ? undefined : String(socket.authorizationError);
  if (!certificates.isVerified(credentials, leaf, "serverAuth", objection)) {
    return `failed to verify the certificate: ${objection}`;
  }
  if (!isValidFor(leaf, host)) {
    return `the certificate is not for ${host} (${leaf.subjectAltName ?? "it has no names"})`;
  }
  return hasAllowedName(leaf, settings) ? undefined : "the certificate bears no allowed name";
}

const ignore = () => {};

/** Destroys the socket and rejects unless `event` comes first. */
function untilEvent(
  socket: net.Socket,
  event: "connect" | "secureConnect",
  timeoutMs: number,
  timeoutText: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail(new Error(timeoutText)), timeoutMs);
    const onAbort = () => fail(new Error("request canceled"));
    const onClose = () => fail(new Error("connection closed"));
    const detach = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      socket.off(event, onReady);
      socket.off("error", fail);
      socket.off("close", onClose);
    };
    const onReady = () => {
      detach();
      // Whoever waits for the socket listens only a moment later.
      socket.on("error", ignore);
      resolve();
    };
    const fail = (error: Error) => {
      detach();
      socket.on("error", ignore);
      socket.destroy();
      reject(error);
    };
    socket.once(event, onReady);
    socket.once("error", fail);
    socket.once("close", onClose);
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener("abort", onAbort);
  });
}

export interface PeerAgentOptions {
  readonly dialTimeoutMs: number;
  /** Unused connections kept for each address; 0 uses every connection once. */
  readonly maxIdleConnections: number;
}

/** Shorter than the 5 s after which a member closes a connection without traffic, so that none is used as it closes. */
const IDLE_TIMEOUT_MS = 3_000;

/** node:http hands a request's options on to its agent. */
interface AddressedOptions extends http.RequestOptions {
  readonly peerAddress?: PeerAddress;
}

/** Connections for node:http's client. The requests name their address by `peerRequestOptions`. */
export class PeerAgent extends http.Agent {
  readonly #dialer: PeerDialer;
  readonly #dialTimeoutMs: number;

  constructor(dialer: PeerDialer, options: PeerAgentOptions) {
    super({
      keepAlive: options.maxIdleConnections > 0,
      maxFreeSockets: Math.max(1, options.maxIdleConnections),
      timeout: IDLE_TIMEOUT_MS,
    });
    this.#dialer = dialer;
    this.#dialTimeoutMs = options.dialTimeoutMs;
  }

  override createConnection(
    options: AddressedOptions,
    callback?: (error: Error | null, socket: Duplex) => void,
  ): undefined {
    this.#dialer.dial(options.peerAddress!, this.#dialTimeoutMs).then(
      (socket) => callback?.(null, socket),
      (error: Error) => callback?.(error, undefined as never),
    );
  }

  override getName(options?: AddressedOptions): string {
    return options?.peerAddress?.url ?? "";
  }
}

/** What leads a request of node:http's client to `url`. Throws when that is no peer URL. */
export function peerRequestOptions(url: string, agent: PeerAgent): http.RequestOptions {
  const peerAddress = parsePeerUrl(url);
  const options: AddressedOptions = {
    agent,
    peerAddress,
    host: peerAddress.host,
    port: peerAddress.port,
    headers: { host: peerAddress.authority },
  };
  return options;
}
