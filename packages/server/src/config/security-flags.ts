import { type FlagDefinition, type FlagKind, flag } from "./flag-definition.ts";

/** A flag of the client's or the peers' TLS, which the file has in a section of its own. */
const tls =
  (section: string) => (name: string, kind: FlagKind, defaultText: string, help: string, key: string) =>
    flag(name, kind, defaultText, help, { file: [section, key] });
const client = tls("client-transport-security");
const peer = tls("peer-transport-security");
const OWN_CALLS = { reason: "the gateway calls the member in its own process, over no connection" };

export const SECURITY_FLAGS: readonly FlagDefinition[] = [
  client("cert-file", "string", "", "Path to the client server TLS certificate.", "cert-file"),
  client("key-file", "string", "", "Path to the client server TLS key.", "key-file"),
  flag("client-cert-file", "string", "", "Certificate with which etcd's gateway calls its own client port.", {
    ...OWN_CALLS,
    file: ["client-transport-security", "client-cert-file"],
  }),
  flag("client-key-file", "string", "", "Key with which etcd's gateway calls its own client port.", {
    ...OWN_CALLS,
    file: ["client-transport-security", "client-key-file"],
  }),
  client("client-cert-auth", "bool", "false", "Require client certificates.", "client-cert-auth"),
  client(
    "trusted-ca-file",
    "string",
    "",
    "Path to the CA of client certificates; requires them.",
    "trusted-ca-file",
  ),
  flag("client-crl-file", "string", "", "Path to the certificate revocation list (DER) of clients.", {
    file: "none",
  }),
  client(
    "client-cert-allowed-hostname",
    "list",
    "",
    "Allowed SANs of client certificates.",
    "allowed-hostname",
  ),
  client("auto-tls", "bool", "false", "Client TLS with generated certificates.", "auto-tls"),
  peer("peer-cert-file", "string", "", "Path to the peer TLS certificate.", "cert-file"),
  peer("peer-key-file", "string", "", "Path to the peer TLS key.", "key-file"),
  peer(
    "peer-client-cert-file",
    "string",
    "",
    "Certificate for outgoing peer connections.",
    "client-cert-file",
  ),
  peer("peer-client-key-file", "string", "", "Key for outgoing peer connections.", "client-key-file"),
  peer("peer-client-cert-auth", "bool", "false", "Require client certificates of peers.", "client-cert-auth"),
  peer(
    "peer-trusted-ca-file",
    "string",
    "",
    "Path to the CA of peer certificates; requires them.",
    "trusted-ca-file",
  ),
  peer(
    "peer-auto-tls",
    "bool",
    "false",
    "Peer TLS with generated certificates; members are not verified.",
    "auto-tls",
  ),
  flag("peer-crl-file", "string", "", "Path to the certificate revocation list (DER) of peers.", {
    file: "none",
  }),
  peer("peer-cert-allowed-cn", "list", "", "Allowed CNs of peer certificates.", "allowed-cn"),
  peer("peer-cert-allowed-hostname", "list", "", "Allowed SANs of peer certificates.", "allowed-hostname"),
  peer(
    "peer-skip-client-san-verification",
    "bool",
    "false",
    "Do not compare the SANs of a peer's certificate with its address.",
    "skip-client-san-verification",
  ),
  flag("self-signed-cert-validity", "uint", "1", "Validity of generated certificates, in years."),
  flag(
    "cipher-suites",
    "list",
    "",
    "TLS 1.2 cipher suites, by Go's names; the runtime's own choice without.",
  ),
  flag("tls-min-version", "string", "TLS1.2", "Minimum TLS version: TLS1.2 or TLS1.3."),
  flag("tls-max-version", "string", "", "Maximum TLS version: TLS1.2 or TLS1.3."),
  flag("cors", "origins", "*", "Allowed origins for CORS."),
  flag("host-whitelist", "set", "*", "Acceptable host names of HTTP requests on plaintext listeners."),
  flag("auth-token", "string", "simple", "Type of auth tokens, and its options: simple, or jwt."),
  flag("auth-token-ttl", "uint", "300", "Lifetime of simple tokens, in seconds."),
  flag("bcrypt-cost", "uint", "10", "Cost of password hashes."),
];
