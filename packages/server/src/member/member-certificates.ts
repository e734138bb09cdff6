import type { Clock } from "@quorate/storage/seams/clock";
import type { ServerConfig } from "../config/server-config.ts";
import { NO_TLS_SETTINGS, type TlsSettings } from "../config/tls-settings.ts";
import type { Logger } from "../log/logger.ts";
import { Certificates, type TlsSide } from "../tls/certificates.ts";
import { CertificateExpiry } from "../tls/expiry.ts";

/** The certificates of a member, of all its ports and of what it dials. */
export class MemberCertificates {
  readonly client: Certificates | undefined;
  readonly peer: Certificates | undefined;
  readonly expiry: CertificateExpiry;
  readonly #open: (settings: TlsSettings, side: TlsSide) => Certificates;
  #ofDialler: Certificates | undefined;

  /** Reads the files. Throws `ConfigError`. */
  constructor(config: Pick<ServerConfig, "clientTls" | "peerTls">, clock: Clock, log: Logger) {
    this.#open = (settings, side) => new Certificates(settings, side, clock, log.for("tls/certificates.ts"));
    this.client = config.clientTls && this.#open(config.clientTls, "client");
    this.peer = config.peerTls && this.#open(config.peerTls, "peer");
    const sides = [this.client, this.peer].filter((side) => side !== undefined);
    this.expiry = new CertificateExpiry(sides, clock, log);
  }

  /** For https members. Without flags they are judged by the system's roots, which take a while to be read. */
  get ofDialler(): Certificates {
    this.#ofDialler ??= this.peer ?? this.#open(NO_TLS_SETTINGS, "peer");
    return this.#ofDialler;
  }
}
