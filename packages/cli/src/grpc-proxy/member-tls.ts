import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import tls, { type ConnectionOptions } from "node:tls";
import type { Log } from "@quorate/proxy";
import type { FlagValues } from "../command-line/flag-values.ts";

/**
 * TLS towards members: what the files say whenever a connection is made, or said last when they are of no use then. Undefined
 * when no flag asks for it. Throws an Error that says what is wrong with the files.
 */
export function memberTls(flags: FlagValues, log: Log): (() => ConnectionOptions) | undefined {
  const [certFile, keyFile, caFile] = [flags.text("cert"), flags.text("key"), flags.text("cacert")];
  const skipsVerification = flags.on("insecure-skip-tls-verify");
  if (certFile === "" && keyFile === "" && caFile === "" && !skipsVerification) return undefined;
  if ((certFile === "") !== (keyFile === "")) {
    throw new Error(`KeyFile and CertFile must both be present[key: ${keyFile}, cert: ${certFile}]`);
  }
  const read = (): ConnectionOptions => ({
    ...(certFile !== "" && readPair(certFile, keyFile)),
    ca: caFile === "" ? tls.getCACertificates("system") : readFileSync(caFile),
    ...(skipsVerification && { rejectUnauthorized: false }),
  });
  let last = read();
  return () => {
    try {
      last = read();
    } catch (error) {
      log("warn", "replaced TLS files cannot be used; those that worked last stay in use", {
        error: (error as Error).message,
      });
    }
    return last;
  };
}

function readPair(certFile: string, keyFile: string): { cert: Buffer; key: Buffer } {
  const cert = readFileSync(certFile);
  const key = readFileSync(keyFile);
  tls.createSecureContext({ cert, key });
  const name = /^CN=(.*)$/m.exec(new X509Certificate(cert).subject)?.[1] ?? "";
  // Members would take it for the user whose calls these are.
  if (name !== "") throw new Error(`cert has non empty Common Name (${name}): ${certFile}`);
  return { cert, key };
}
