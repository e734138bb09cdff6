import { constants, X509Certificate } from "node:crypto";
import tls from "node:tls";
import type { Clock } from "@quorate/storage/seams/clock";
import type { TlsSettings } from "../config/tls-settings.ts";
import type { Logger } from "../log/logger.ts";
import { DOUBTFUL_OBJECTIONS, leadsToAnchor, type Usage } from "./certificate-chain.ts";
import { KeyPair, readConfigured } from "./key-pair.ts";
import { ReloadedFiles } from "./reloaded-files.ts";
import { revokedSerials } from "./revocation.ts";

/** Whose certificates they are; flags of peers begin with `peer-`. */
export type TlsSide = "client" | "peer";

/**
 * Key material of one side, in both roles. The CA bundle is read once; key pairs and the revocation list are those that
 * are on disk at each handshake, so that replacing the files is enough.
 */
export class Certificates {
  readonly settings: TlsSettings;
  readonly #trusted: readonly (string | Buffer)[] | undefined;
  readonly #server: KeyPair | undefined;
  readonly #client: KeyPair | undefined;
  readonly #revoked: ReloadedFiles<ReadonlySet<string>> | undefined;
  readonly #clock: Clock;
  #anchors: readonly X509Certificate[] | undefined;
  /** Of a role without a certificate. */
  readonly #bare: tls.SecureContext;

  /** Throws `ConfigError` when a file cannot be read or a certificate does not fit its key. */
  constructor(settings: TlsSettings, side: TlsSide, clock: Clock, log: Logger) {
    this.settings = settings;
    this.#clock = clock;
    const {
      certFile,
      ciphers,
      keyFile,
      clientCertFile,
      clientKeyFile,
      crlFile,
      maxVersion,
      minVersion,
      requireClientCertificate,
    } = settings;
    const prefix = side === "peer" ? "peer-" : "";
    this.#trusted = trustedCertificates(settings, side, `${prefix}trusted-ca-file`);
    const common: tls.SecureContextOptions = {
      minVersion,
      // As in Go, whatever the bundle holds is trusted: an intermediate without its root, or the leaf itself.
      allowPartialTrustChain: true,
      ...(this.#trusted === undefined ? {} : { ca: [...this.#trusted] }),
      ...(maxVersion === undefined ? {} : { maxVersion }),
      ...(ciphers === undefined ? {} : { ciphers }),
      honorCipherOrder: true,
      sessionIdContext: side,
      // A resumed session shows no certificate chain, and with it nothing that could have been revoked.
      ...(requireClientCertificate ? { secureOptions: constants.SSL_OP_NO_TICKET } : {}),
    };
    this.#bare = tls.createSecureContext(common);
    const pair = (cert: string, key: string, name: string) => {
      if (cert === "") return undefined;
      const flags = { certFlag: `${prefix}${name}cert-file`, keyFlag: `${prefix}${name}key-file` };
      return new KeyPair({ certFile: cert, keyFile: key, ...flags }, common, clock, log);
    };
    this.#server = pair(certFile, keyFile, "");
    this.#client = pair(clientCertFile, clientKeyFile, "client-");
    if (crlFile !== "") {
      this.#revoked = new ReloadedFiles([crlFile], ([list]) => revokedSerials(list!), clock);
    }
  }

  /** For a connection that was accepted. */
  async serverContext(): Promise<tls.SecureContext> {
    return this.#server === undefined ? this.#bare : this.#server.context();
  }

  /** For a connection that is dialled. */
  async clientContext(): Promise<tls.SecureContext> {
    return this.#client === undefined ? this.#bare : this.#client.context();
  }

  /** Serial numbers that are revoked now; undefined without a list. Rejects when it cannot be read. */
  async revokedSerials(): Promise<ReadonlySet<string> | undefined> {
    return this.#revoked?.current();
  }

  /**
   * Whether the other side's certificate leads to the CA; `objection` is OpenSSL's, as the code of its error. Names and
   * the revocation list are not looked at.
   */
  isVerified(leaf: X509Certificate, usage: Usage, objection: string | undefined): boolean {
    if (objection === undefined) return true;
    if (!DOUBTFUL_OBJECTIONS.has(objection)) return false;
    return leadsToAnchor(leaf, usage, this.#trustAnchors(), this.#clock.wallMs());
  }

  /** They are needed seldom, and the system has many. */
  #trustAnchors(): readonly X509Certificate[] {
    this.#anchors ??= (this.#trusted ?? tls.getCACertificates("default")).flatMap(certificatesIn);
    return this.#anchors;
  }
}

/** undefined leaves the choice to the runtime: where nobody is verified, and for systems whose store is empty. */
function trustedCertificates(
  settings: TlsSettings,
  side: TlsSide,
  flag: string,
): (string | Buffer)[] | undefined {
  const { generated, requireClientCertificate, trustedCaFile } = settings;
  if (trustedCaFile !== "") return [readConfigured(trustedCaFile, flag)];
  // Members also verify those whom they dial.
  const verifiesSomebody = requireClientCertificate || (side === "peer" && generated === undefined);
  if (!verifiesSomebody) return undefined;
  const roots = tls.getCACertificates("system");
  return roots.length === 0 ? undefined : roots;
}

function certificatesIn(bundle: string | Buffer): X509Certificate[] {
  const pems = bundle.toString().match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return pems.map((pem) => new X509Certificate(pem));
}
