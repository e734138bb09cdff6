import { readFileSync } from "node:fs";
import tls from "node:tls";
import type { Clock } from "@quorate/storage/seams/clock";
import { ConfigError } from "../config/errors.ts";
import type { Logger } from "../log/logger.ts";
import { ReloadedFiles } from "./reloaded-files.ts";

export interface KeyPairFiles {
  readonly certFile: string;
  readonly keyFile: string;
  /** The flags that name the files. */
  readonly certFlag: string;
  readonly keyFlag: string;
}

/**
 * A certificate and its key, as they are on disk. A pair of which only one half has been replaced yet, or that is broken
 * or gone, is told to the log, and the last one that worked stays in use until the files are of use again.
 */
export class KeyPair {
  readonly #files: ReloadedFiles<tls.SecureContext>;
  readonly #names: KeyPairFiles;
  readonly #log: Logger;
  #context: tls.SecureContext;
  #toldFailure: string | undefined;

  /** Reads the files. Throws `ConfigError` when one cannot be read or the certificate does not fit its key. */
  constructor(names: KeyPairFiles, common: tls.SecureContextOptions, clock: Clock, log: Logger) {
    const { certFile, keyFile, certFlag, keyFlag } = names;
    const parse = ([cert, key]: readonly Buffer[]) => tls.createSecureContext({ ...common, cert, key });
    this.#names = names;
    this.#log = log;
    this.#files = new ReloadedFiles([certFile, keyFile], parse, clock);
    const cert = readConfigured(certFile, certFlag);
    const key = readConfigured(keyFile, keyFlag);
    try {
      this.#context = parse([cert, key]);
    } catch (error) {
      const why = (error as Error).message;
      throw new ConfigError(`--${certFlag} ${certFile} and --${keyFlag} ${keyFile}: ${why}`);
    }
  }

  /** The same object while the pair is the same. */
  async context(): Promise<tls.SecureContext> {
    try {
      this.#context = await this.#files.current();
      this.#toldFailure = undefined;
    } catch (error) {
      this.#tell((error as Error).message);
    }
    return this.#context;
  }

  /** Once for each reason, not for each connection. */
  #tell(failure: string): void {
    if (failure === this.#toldFailure) return;
    this.#toldFailure = failure;
    const { certFile, keyFile } = this.#names;
    this.#log.warn("a replaced certificate cannot be used; the last one that worked stays in use", {
      "cert-file": certFile,
      "key-file": keyFile,
      error: failure,
    });
  }
}

/** Throws `ConfigError`. */
export function readConfigured(file: string, flag: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new ConfigError(`cannot read --${flag}: ${(error as Error).message}`);
  }
}
