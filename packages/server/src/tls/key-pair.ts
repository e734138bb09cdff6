import type { X509Certificate } from "node:crypto";
import tls from "node:tls";
import type { Clock } from "@quorate/storage/seams/clock";
import type { Logger } from "../log/logger.ts";
import { certificatesIn } from "./pem.ts";
import { type NamedFile, UsableFiles } from "./usable-files.ts";

/** A certificate, with what was put behind it, and its key. It does not change. */
export interface KeyPair {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly certificates: readonly X509Certificate[];
}

/**
 * A certificate and its key, as they are on disk. As long as only one half has been replaced, the last pair stays in use.
 * Throws `ConfigError` when one cannot be read or the certificate does not fit its key.
 */
export function keyPairFiles(
  certFile: NamedFile,
  keyFile: NamedFile,
  clock: Clock,
  log: Logger,
): UsableFiles<KeyPair> {
  return new UsableFiles({
    files: [certFile, keyFile],
    parse: ([cert, key]) => parsePair(cert!, key!),
    complaint: "a replaced certificate cannot be used",
    clock,
    log,
  });
}

function parsePair(cert: Buffer, key: Buffer): KeyPair {
  tls.createSecureContext({ cert, key });
  return { cert, key, certificates: certificatesIn(cert) };
}
