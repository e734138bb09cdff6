import { constants, type X509Certificate } from "node:crypto";
import tls from "node:tls";
import type { Clock } from "@quorate/storage/seams/clock";
import type { TlsSettings } from "../config/tls-settings.ts";
import type { Logger } from "../log/logger.ts";
import { limitVerificationDepth } from "../system/verification-depth.ts";
import { Authorities } from "./authorities.ts";
import { MAX_DEPTH, type Usage } from "./certificate-chain.ts";
import { type KeyPair, keyPairFiles } from "./key-pair.ts";
import { ReloadedFiles } from "./reloaded-files.ts";
import { revokedSerials } from "./revocation.ts";
import { TicketKeys } from "./ticket-keys.ts";
import { renewTickets } from "./ticket-renewal.ts";
import { type NamedFile, UsableFiles } from "./usable-files.ts";

/** Whose certificates they are; flags of peers begin with `peer-`. */
export type TlsSide = "client" | "peer";

/** What one handshake is made with. */
export interface Credentials {
  readonly context: tls.SecureContext;
  readonly authorities: Authorities;
}

/** A certificate of a file. */
export interface LoadedCertificate {
  readonly flag: string;
  readonly certificate: X509Certificate;
}

interface WithCertificates {
  readonly certificates: readonly X509Certificate[];
}

/**
 * Key material of one side, in both roles. Key pairs, the CA bundle and the revocation list are those that are on disk at
 * each handshake, so that replacing the files is enough. Connections that are there go on with what they began with.
 */
export class Certificates {
  readonly settings: TlsSettings;
  readonly #authorities: UsableFiles<Authorities> | Authorities;
  readonly #server: Role;
  readonly #client: Role;
  readonly #revoked: ReloadedFiles<ReadonlySet<string>> | undefined;
  readonly #clock: Clock;
  /** By the flag that names the certificates. */
  readonly #files = new Map<string, UsableFiles<WithCertificates>>();

  /** Throws `ConfigError` when a file cannot be read or a certificate does not fit its key. */
  constructor(settings: TlsSettings, side: TlsSide, clock: Clock, log: Logger) {
    this.settings = settings;
    this.#clock = clock;
    const { certFile, keyFile, clientCertFile, clientKeyFile, crlFile } = settings;
    if (settings.requireClientCertificate) limitVerificationDepth(MAX_DEPTH);
    const named = (path: string, name: string) => ({ path, flag: side === "peer" ? `peer-${name}` : name });
    const pair = (cert: NamedFile, key: NamedFile) => {
      if (cert.path === "") return undefined;
      const files = keyPairFiles(cert, key, clock, log);
      this.#files.set(cert.flag, files);
      return files;
    };
    const server = pair(named(certFile, "cert-file"), named(keyFile, "key-file"));
    const client =
      clientCertFile === certFile
        ? server
        : pair(named(clientCertFile, "client-cert-file"), named(clientKeyFile, "client-key-file"));
    const common = commonOptions(settings, side);
    this.#server = new Role(server, common, new TicketKeys(clock));
    this.#client = new Role(client, common);
    const bundle = named(settings.trustedCaFile, "trusted-ca-file");
    if (bundle.path === "") this.#authorities = authoritiesWithoutBundle(settings, side);
    else {
      this.#authorities = bundleFile(bundle, clock, log);
      this.#files.set(bundle.flag, this.#authorities);
    }
    if (crlFile !== "") {
      this.#revoked = new ReloadedFiles([crlFile], ([list]) => revokedSerials(list!), clock);
    }
  }

  /** For a connection that was accepted. */
  async serverCredentials(): Promise<Credentials> {
    return this.#server.credentials(await this.#currentAuthorities());
  }

  /** For a connection that is dialled. */
  async clientCredentials(): Promise<Credentials> {
    return this.#client.credentials(await this.#currentAuthorities());
  }

  /**
   * Whether the other side's certificate leads to an authority of the handshake; `objection` is OpenSSL's, as the code of
   * its error. Names and the revocation list are not looked at.
   */
  isVerified(
    { authorities }: Credentials,
    leaf: X509Certificate,
    usage: Usage,
    objection: string | undefined,
  ): boolean {
    return authorities.verify(leaf, usage, objection, this.#clock.wallMs());
  }

  /** Serial numbers that are revoked now; undefined without a list. Rejects when it cannot be read. */
  async revokedSerials(): Promise<ReadonlySet<string> | undefined> {
    return this.#revoked?.current();
  }

  /** The certificates of all files as they are now, by the flags that name them. */
  async current(): Promise<LoadedCertificate[]> {
    const loaded: LoadedCertificate[] = [];
    for (const [flag, files] of this.#files) {
      const { certificates } = await files.current();
      for (const certificate of certificates) loaded.push({ flag, certificate });
    }
    return loaded;
  }

  async #currentAuthorities(): Promise<Authorities> {
    return this.#authorities instanceof Authorities ? this.#authorities : this.#authorities.current();
  }
}

/** And of what. */
interface Made extends Credentials {
  readonly pair: KeyPair | undefined;
  readonly ticketKeys: Buffer | undefined;
}

/** One role's pair, and the context that it makes with whom is trusted. */
class Role {
  readonly #pair: UsableFiles<KeyPair> | undefined;
  readonly #common: tls.SecureContextOptions;
  readonly #ticketKeys: TicketKeys | undefined;
  #made: Made | undefined;

  constructor(
    pair: UsableFiles<KeyPair> | undefined,
    common: tls.SecureContextOptions,
    ticketKeys?: TicketKeys,
  ) {
    this.#pair = pair;
    this.#common = common;
    this.#ticketKeys = ticketKeys;
  }

  /** The same object while nothing has changed. */
  async credentials(authorities: Authorities): Promise<Credentials> {
    const pair = await this.#pair?.current();
    // Tickets outlive the certificate that was there when they were made.
    const ticketKeys = this.#ticketKeys?.current;
    const made = this.#made;
    if (made?.pair !== pair || made?.authorities !== authorities || made?.ticketKeys !== ticketKeys) {
      const { pem } = authorities;
      const context = tls.createSecureContext({
        ...this.#common,
        ...(pem === undefined ? {} : { ca: [...pem] }),
        ...(pair === undefined ? {} : { cert: pair.cert, key: pair.key }),
        ...(ticketKeys === undefined ? {} : { ticketKeys }),
      });
      if (ticketKeys !== undefined) renewTickets(context, ticketKeys);
      this.#made = { context, authorities, pair, ticketKeys };
    }
    return this.#made!;
  }
}

function commonOptions(settings: TlsSettings, side: TlsSide): tls.SecureContextOptions {
  const { ciphers, maxVersion, minVersion, requireClientCertificate } = settings;
  return {
    minVersion,
    // As in Go, whatever the bundle holds is trusted: an intermediate without its root, or the leaf itself.
    allowPartialTrustChain: true,
    ...(maxVersion === undefined ? {} : { maxVersion }),
    ...(ciphers === undefined ? {} : { ciphers }),
    honorCipherOrder: true,
    sessionIdContext: side,
    // A resumed session shows no certificate chain, and with it nothing that could have been revoked.
    ...(requireClientCertificate ? { secureOptions: constants.SSL_OP_NO_TICKET } : {}),
  };
}

function bundleFile(bundle: NamedFile, clock: Clock, log: Logger): UsableFiles<Authorities> {
  return new UsableFiles({
    files: [bundle],
    parse: ([content]) => Authorities.ofBundle(content!),
    complaint: "a replaced CA bundle cannot be used",
    clock,
    log,
  });
}

function authoritiesWithoutBundle(settings: TlsSettings, side: TlsSide): Authorities {
  const { generated, requireClientCertificate } = settings;
  // Members also verify those whom they dial.
  const verifiesSomebody = requireClientCertificate || (side === "peer" && generated === undefined);
  return verifiesSomebody ? Authorities.ofSystem() : Authorities.unused();
}
