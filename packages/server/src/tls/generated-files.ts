import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { access, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Clock } from "@quorate/storage/seams/clock";
import { ConfigError } from "../config/errors.ts";
import type { GeneratedPair } from "../config/generated-pair.ts";
import type { ServerConfig } from "../config/server-config.ts";
import type { Logger } from "../log/logger.ts";

const YEAR_MS = 365 * 24 * 3_600_000;

interface PairFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly generated?: GeneratedPair;
}

/**
 * Makes the certificates and keys that `config` wants generated, but for those that are there from an earlier start.
 * Throws a `ConfigError` that names the file when one cannot be written or is of no use.
 */
export async function makeMissingPairs(
  config: Pick<ServerConfig, "peerTls" | "clientTls">,
  clock: Clock,
  log: Logger,
): Promise<void> {
  const certificateLog = log.for("tls/generated-files.ts");
  for (const files of [config.peerTls, config.clientTls]) {
    if (files?.generated === undefined) continue;
    if ((await isPresent(files.certFile)) && (await isPresent(files.keyFile))) {
      await checkPair(files, clock, certificateLog);
    } else await makePair(files, files.generated, clock, certificateLog);
  }
}

async function makePair(
  { certFile, keyFile }: PairFiles,
  { hosts, validityYears }: GeneratedPair,
  clock: Clock,
  log: Logger,
): Promise<void> {
  const notBefore = new Date(clock.wallMs());
  const notAfter = new Date(notBefore.getTime() + validityYears * YEAR_MS);
  log.warn("automatically generate certificates", {
    "certificate-validity-bound-not-after": notAfter.toISOString(),
  });
  const { makeSelfSigned } = await loadMaker();
  const { cert, key } = await makeSelfSigned(hosts, notBefore, notAfter);
  await write(certFile, cert, 0o644);
  log.info("created cert file", { path: path.resolve(certFile) });
  await write(keyFile, key, 0o600);
  log.info("created key file", { path: path.resolve(keyFile) });
}

/**
 * Its library is large, and a start that makes no certificate does not pay for it: a name that only the running program
 * knows keeps it out of the bundle as well.
 */
function loadMaker(): Promise<typeof import("./self-signed.ts")> {
  return import(new URL("./self-signed.ts", import.meta.url).href);
}

/** Whatever its age and names, a pair that works is used: who wants another one removes it. */
async function checkPair({ certFile, keyFile }: PairFiles, clock: Clock, log: Logger): Promise<void> {
  const certificate = await readAs(certFile, "certificate", (bytes) => new X509Certificate(bytes));
  const key = await readAs<KeyObject>(keyFile, "key", createPrivateKey);
  if (!certificate.checkPrivateKey(key)) {
    throw new ConfigError(
      `the generated certificate ${certFile} is not one for the key ${keyFile}; remove both to have new ones made`,
    );
  }
  if (certificate.validToDate.getTime() < clock.wallMs()) {
    log.warn("the generated certificate has expired; remove it to have a new one made", {
      path: path.resolve(certFile),
      "not-after": certificate.validToDate.toISOString(),
    });
  }
}

async function readAs<Content>(
  file: string,
  kind: "certificate" | "key",
  parse: (bytes: Buffer) => Content,
): Promise<Content> {
  try {
    return parse(await readFile(file));
  } catch (error) {
    throw new ConfigError(
      `the generated ${kind} ${file} cannot be used: ${(error as Error).message}; remove it to have a new one made`,
    );
  }
}

async function isPresent(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw new ConfigError(`the generated file ${file} cannot be used: ${(error as Error).message}`);
  }
}

/** There is the whole file or none, also after a crash. */
async function write(file: string, text: string, mode: number): Promise<void> {
  const temporary = `${file}.tmp`;
  try {
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    await rm(temporary, { force: true });
    await writeFile(temporary, text, { mode, flag: "wx", flush: true });
    await rename(temporary, file);
  } catch (error) {
    throw new ConfigError(`cannot make ${file}: ${(error as Error).message}`);
  }
}
