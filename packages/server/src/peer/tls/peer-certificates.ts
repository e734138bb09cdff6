import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import tls from "node:tls";
import { ConfigError } from "../../config/errors.ts";
import type { PeerTls } from "../../config/peer-tls.ts";

/**
 * Key material for links between members. The CA bundle is read once; key pairs are read for each handshake, so that
 * replacing the files is enough to rotate them. A pair that is broken fails handshakes until it is repaired.
 */
export class PeerCertificates {
  readonly settings: PeerTls;
  readonly #server: KeyPair;
  readonly #client: KeyPair;
  #clientContext:
    | { readonly options: tls.SecureContextOptions; readonly context: tls.SecureContext }
    | undefined;

  /** Throws `ConfigError` when a file cannot be read or a certificate does not fit its key. */
  constructor(settings: PeerTls) {
    this.settings = settings;
    const { clientCertFile, clientKeyFile, certFile, keyFile, maxVersion, minVersion, trustedCaFile } =
      settings;
    const ca =
      trustedCaFile !== ""
        ? readNow(trustedCaFile, "peer-trusted-ca-file")
        : settings.generated === undefined
          ? systemRoots()
          : undefined;
    const common: tls.SecureContextOptions = {
      minVersion,
      ...(ca === undefined ? {} : { ca }),
      ...(maxVersion === undefined ? {} : { maxVersion }),
    };
    this.#server = new KeyPair(certFile, keyFile, common);
    this.#client = new KeyPair(clientCertFile, clientKeyFile, common);
    this.#server.check("peer-cert-file", "peer-key-file");
    this.#client.check("peer-client-cert-file", "peer-client-key-file");
  }

  /** For a connection that was accepted; the same object while the files are the same. Rejects when one is missing. */
  serverOptions(): Promise<tls.SecureContextOptions> {
    return this.#server.options();
  }

  /** For a connection that is dialled. Rejects when the pair cannot be used now. */
  async clientContext(): Promise<tls.SecureContext> {
    const options = await this.#client.options();
    if (this.#clientContext?.options !== options) {
      this.#clientContext = { options, context: tls.createSecureContext(options) };
    }
    return this.#clientContext.context;
  }
}

/** A certificate and its key on disk, and what was read last. */
class KeyPair {
  readonly #certFile: string;
  readonly #keyFile: string;
  readonly #common: tls.SecureContextOptions;
  #cert: Buffer | undefined;
  #key: Buffer | undefined;
  #options: tls.SecureContextOptions;

  constructor(certFile: string, keyFile: string, common: tls.SecureContextOptions) {
    this.#certFile = certFile;
    this.#keyFile = keyFile;
    this.#common = common;
    this.#options = common;
  }

  check(certFlag: string, keyFlag: string): void {
    if (this.#certFile === "") return;
    const cert = readNow(this.#certFile, certFlag);
    const key = readNow(this.#keyFile, keyFlag);
    try {
      tls.createSecureContext({ ...this.#common, cert, key });
    } catch (error) {
      throw new ConfigError(
        `--${certFlag} ${this.#certFile} and --${keyFlag} ${this.#keyFile}: ${(error as Error).message}`,
      );
    }
  }

  async options(): Promise<tls.SecureContextOptions> {
    if (this.#certFile === "") return this.#common;
    const [cert, key] = await Promise.all([readFile(this.#certFile), readFile(this.#keyFile)]);
    if (this.#cert?.equals(cert) !== true || this.#key?.equals(key) !== true) {
      this.#options = { ...this.#common, cert, key };
      this.#cert = cert;
      this.#key = key;
    }
    return this.#options;
  }
}

/** undefined leaves the choice to the runtime, for systems whose store is empty. */
function systemRoots(): string[] | undefined {
  const roots = tls.getCACertificates("system");
  return roots.length === 0 ? undefined : roots;
}

function readNow(file: string, flag: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new ConfigError(`cannot read --${flag}: ${(error as Error).message}`);
  }
}
