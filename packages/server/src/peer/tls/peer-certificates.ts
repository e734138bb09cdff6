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
  readonly #ca: Buffer | string[] | undefined;
  readonly #server: KeyPair;
  readonly #client: KeyPair;

  /** Throws `ConfigError` when a file cannot be read or a certificate does not fit its key. */
  constructor(settings: PeerTls) {
    this.settings = settings;
    this.#ca =
      settings.trustedCaFile === "" ? systemRoots() : readNow(settings.trustedCaFile, "peer-trusted-ca-file");
    this.#server = new KeyPair(settings.certFile, settings.keyFile, (cert, key) => this.#context(cert, key));
    this.#client = new KeyPair(settings.clientCertFile, settings.clientKeyFile, (cert, key) =>
      this.#context(cert, key),
    );
    this.#server.check("peer-cert-file", "peer-key-file");
    this.#client.check("peer-client-cert-file", "peer-client-key-file");
  }

  /** For a connection that was accepted. Rejects when the pair cannot be used now. */
  serverContext(): Promise<tls.SecureContext> {
    return this.#server.context();
  }

  /** For a connection that was dialled. */
  clientContext(): Promise<tls.SecureContext> {
    return this.#client.context();
  }

  #context(cert: Buffer | undefined, key: Buffer | undefined): tls.SecureContext {
    const { minVersion, maxVersion } = this.settings;
    return tls.createSecureContext({
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
      ...(this.#ca === undefined ? {} : { ca: this.#ca }),
      minVersion,
      ...(maxVersion === undefined ? {} : { maxVersion }),
    });
  }
}

/** A certificate and its key on disk, and the context made of what was read last. */
class KeyPair {
  readonly #certFile: string;
  readonly #keyFile: string;
  readonly #make: (cert: Buffer | undefined, key: Buffer | undefined) => tls.SecureContext;
  #cert: Buffer | undefined;
  #key: Buffer | undefined;
  #context: tls.SecureContext | undefined;

  constructor(
    certFile: string,
    keyFile: string,
    make: (cert: Buffer | undefined, key: Buffer | undefined) => tls.SecureContext,
  ) {
    this.#certFile = certFile;
    this.#keyFile = keyFile;
    this.#make = make;
  }

  check(certFlag: string, keyFlag: string): void {
    if (this.#certFile === "") return;
    const cert = readNow(this.#certFile, certFlag);
    const key = readNow(this.#keyFile, keyFlag);
    try {
      this.#make(cert, key);
    } catch (error) {
      throw new ConfigError(
        `--${certFlag} ${this.#certFile} and --${keyFlag} ${this.#keyFile}: ${(error as Error).message}`,
      );
    }
  }

  async context(): Promise<tls.SecureContext> {
    if (this.#certFile === "") {
      this.#context ??= this.#make(undefined, undefined);
      return this.#context;
    }
    const [cert, key] = await Promise.all([readFile(this.#certFile), readFile(this.#keyFile)]);
    if (this.#context === undefined || !this.#cert?.equals(cert) || !this.#key?.equals(key)) {
      this.#context = this.#make(cert, key);
      this.#cert = cert;
      this.#key = key;
    }
    return this.#context;
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
