import { readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";
import { badArguments } from "../../command-line/exit.ts";
import { fileError } from "../../go-text/errno.ts";

/** What the flags say of TLS. */
export interface TlsFlags {
  readonly cert: string;
  readonly key: string;
  readonly cacert: string;
  readonly serverName: string;
  readonly insecureTransport: boolean;
  readonly skipVerification: boolean;
}

/** Undefined when nothing asks for TLS. Throws Exit when files cannot be read. */
export function tlsOptions(given: TlsFlags): ConnectionOptions | undefined {
  const { cert, key, cacert, serverName, insecureTransport, skipVerification } = given;
  const asked = cert !== "" || key !== "" || cacert !== "" || serverName !== "";
  if (!asked && insecureTransport && !skipVerification) return undefined;
  if ((cert === "") !== (key === ""))
    throw badArguments(`KeyFile and CertFile must both be present[key: ${key}, cert: ${cert}]`);
  return {
    ...(cert !== "" && { cert: readPem(cert), key: readPem(key) }),
    ca: cacert === "" ? systemAuthorities() : readPem(cacert),
    ...(serverName !== "" && { servername: serverName }),
    ...(skipVerification && { rejectUnauthorized: false }),
  };
}

function systemAuthorities(): string[] {
  return process.getBuiltinModule("node:tls").getCACertificates("system");
}

function readPem(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw badArguments(fileError("open", file, error));
  }
}
