import { readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";
import type { Log, ProxyAddress } from "@quorate/proxy";
import {
  NO_TLS_SETTINGS,
  pairForListeners,
  secureListener,
  type TlsSettings,
  tlsProtocolOf,
} from "@quorate/server/standalone-tls";
import type { FlagValues } from "../command-line/flag-values.ts";
import { loggerOf } from "./log.ts";

export interface ListenerTls {
  readonly secure: NonNullable<ProxyAddress["tls"]>;
  /** How the proxy connects to itself. */
  readonly own: ConnectionOptions;
}

/** TLS towards clients; undefined when no flag asks for it. Rejects with an Error that says what is wrong. */
export async function listenerTls(flags: FlagValues, log: Log): Promise<ListenerTls | undefined> {
  const settings = settingsOf(flags);
  if (settings === undefined) return undefined;
  const secure = await secureListener(settings, loggerOf(log));
  const { certFile, keyFile, trustedCaFile, crlFile } = settings;
  log("info", "gRPC proxy server TLS", {
    cert: certFile,
    key: keyFile,
    "trusted-ca": trustedCaFile,
    "crl-file": crlFile,
  });
  const own = {
    cert: readFileSync(certFile),
    key: readFileSync(keyFile),
    ...(trustedCaFile === "" ? { rejectUnauthorized: false } : { ca: readFileSync(trustedCaFile) }),
  };
  return { secure, own };
}

function settingsOf(flags: FlagValues): TlsSettings | undefined {
  const [certFile, keyFile, ca] = ["cert-file", "key-file", "trusted-ca-file"].map((name) =>
    flags.text(name),
  );
  const suites = flags.list("listen-cipher-suites");
  const protocol = tlsProtocolOf(flags.text("tls-min-version"), flags.text("tls-max-version"), suites);
  if (certFile !== "" || keyFile !== "" || ca !== "") {
    if (certFile === "" || keyFile === "") {
      throw new Error(`KeyFile and CertFile must both be present[key: ${keyFile}, cert: ${certFile}]`);
    }
    const files = {
      certFile: certFile!,
      keyFile: keyFile!,
      clientCertFile: certFile!,
      clientKeyFile: keyFile!,
    };
    return {
      ...NO_TLS_SETTINGS,
      ...protocol,
      ...files,
      trustedCaFile: ca!,
      requireClientCertificate: ca !== "",
      crlFile: flags.text("client-crl-file"),
    };
  }
  if (!flags.on("auto-tls")) return undefined;
  const years = Number(flags.integer("self-signed-cert-validity"));
  const folder = `${flags.text("data-dir")}/fixtures/proxy`;
  return {
    ...NO_TLS_SETTINGS,
    ...protocol,
    certFile: `${folder}/cert.pem`,
    keyFile: `${folder}/key.pem`,
    generated: pairForListeners([`https://${flags.text("listen-addr")}`], years),
  };
}
