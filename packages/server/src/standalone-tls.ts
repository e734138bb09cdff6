/** For programs that serve with TLS as members do, without a member. */
import type { SecureConnections } from "@quorate/rpc/server";
import { TLS_PROTOCOLS } from "@quorate/rpc/server";
import { realClock } from "@quorate/storage/seams/real-clock";
import type { TlsSettings } from "./config/tls-settings.ts";
import type { Logger } from "./log/logger.ts";
import { Certificates } from "./tls/certificates.ts";
import { makeMissingPairs } from "./tls/generated-files.ts";
import { TlsAcceptor } from "./tls/tls-acceptor.ts";

export { ConfigError } from "./config/errors.ts";
export { pairForListeners } from "./config/generated-pair.ts";
export { NO_TLS_SETTINGS, type TlsSettings, tlsProtocolOf } from "./config/tls-settings.ts";
export type { Logger } from "./log/logger.ts";

/** Makes accepted connections secure with what is on disk at each handshake. Rejects with `ConfigError` when that is of no use. */
export async function secureListener(settings: TlsSettings, log: Logger): Promise<SecureConnections> {
  await makeMissingPairs({ clientTls: settings, peerTls: undefined }, realClock, log);
  const certificates = new Certificates(settings, "client", realClock, log);
  return (onSecure) => {
    const acceptor = new TlsAcceptor({
      certificates,
      side: "client",
      protocols: TLS_PROTOCOLS,
      log,
      onSecure,
    });
    return (socket) => acceptor.accept(socket);
  };
}
