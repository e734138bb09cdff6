import { type FlagDefinition, type FlagKind, flag } from "./flag-definition.ts";

/** A flag of v3 discovery, of whose client the file has a section of its own. */
const discovery = (
  name: string,
  kind: FlagKind,
  defaultText: string,
  help: string,
  file: readonly string[],
) =>
  flag(`discovery-${name}`, kind, defaultText, `V3 discovery: ${help}`, {
    file: ["discovery-config", ...file],
  });

export const CLUSTERING_FLAGS: readonly FlagDefinition[] = [
  flag(
    "initial-advertise-peer-urls",
    "urls",
    "http://localhost:2380",
    "This member's peer URLs, told to the rest of the cluster.",
  ),
  flag(
    "advertise-client-urls",
    "urls",
    "http://localhost:2379",
    "This member's client URLs, told to the public.",
  ),
  flag(
    "initial-cluster",
    "string",
    "default=http://localhost:2380",
    "Initial members: name=url[,name=url...] (with another --name alone: this member alone).",
  ),
  flag(
    "initial-cluster-state",
    "string",
    "new",
    "'new' when bootstrapping a cluster, 'existing' when joining one.",
    { choices: ["new", "existing"] },
  ),
  flag(
    "initial-cluster-token",
    "string",
    "etcd-cluster",
    "Token of the cluster during bootstrap; part of its IDs.",
  ),
  discovery("token", "string", "", "token of the cluster that begins.", ["token"]),
  discovery("endpoints", "set", "", "endpoints of the service.", ["client", "endpoints"]),
  discovery("dial-timeout", "duration", "2s", "dial timeout.", ["client", "dial-timeout"]),
  discovery("request-timeout", "duration", "5s", "request timeout.", ["client", "request-timeout"]),
  discovery("keepalive-time", "duration", "2s", "time between pings.", ["client", "keepalive-time"]),
  discovery("keepalive-timeout", "duration", "6s", "how long a ping's answer may take.", [
    "client",
    "keepalive-timeout",
  ]),
  discovery("insecure-transport", "bool", "true", "connect without TLS.", [
    "client",
    "secure",
    "insecure-transport",
  ]),
  discovery("insecure-skip-tls-verify", "bool", "false", "do not verify certificates.", [
    "client",
    "secure",
    "insecure-skip-tls-verify",
  ]),
  discovery("cert", "string", "", "path to the client's certificate.", ["client", "secure", "cert"]),
  discovery("key", "string", "", "path to the client's key.", ["client", "secure", "key"]),
  discovery("cacert", "string", "", "path to the CA.", ["client", "secure", "cacert"]),
  discovery("user", "string", "", "name[:password] of the user, who needs a password.", [
    "client",
    "auth",
    "username",
  ]),
  discovery("password", "string", "", "password of the user.", ["client", "auth", "password"]),
  flag("discovery-fallback", "string", "exit", "What a member does when discovery fails: exit.", {
    choices: ["exit", "proxy"],
    file: "none",
  }),
  flag("discovery-srv", "string", "", "DNS domain whose SRV records name the first members."),
  flag("discovery-srv-name", "string", "", "Suffix of the names of the services in these records."),
  flag("strict-reconfig-check", "bool", "true", "Refuse reconfigurations that would lose the quorum."),
  flag("pre-vote", "bool", "true", "Run the raft pre-vote phase."),
  flag(
    "auto-compaction-mode",
    "string",
    "periodic",
    "What --auto-compaction-retention counts: periodic (time) or revision (revisions).",
  ),
  flag(
    "auto-compaction-retention",
    "string",
    "0",
    "How much history the leader keeps, such as 5m, 8 (hours) or 1000 (revisions); 0 keeps all.",
  ),
  flag("v2-deprecation", "list", "", "Accepted for compatibility; always write-only. Deprecated.", {
    choices: ["write-only", "write-only-skip-check", "write-only-drop-data", "gone"],
  }),
];
