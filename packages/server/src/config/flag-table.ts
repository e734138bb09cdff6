import { OWN_SECTION } from "./own-flags.ts";

/** How a flag's text becomes a value. Durations are kept in milliseconds. */
export type FlagKind = "string" | "bool" | "int" | "uint" | "duration" | "list" | "urls";

/** `supported`: has its effect. `inert`: accepted for compatibility, a non-default value is warned about.
 *  `refused`: a non-default value stops the start, because running without its effect would be unsafe. */
export type FlagSupport = "supported" | "inert" | "refused";

export interface FlagDefinition {
  readonly name: string;
  readonly kind: FlagKind;
  /** The default, as it would be typed. */
  readonly defaultText: string;
  readonly help: string;
  readonly support: FlagSupport;
  /** The only values it may have, or of which a list may consist; undefined: any. */
  readonly choices?: readonly string[];
}

export interface FlagSection {
  readonly title: string;
  readonly flags: readonly FlagDefinition[];
}

const flag = (
  name: string,
  kind: FlagKind,
  defaultText: string,
  help: string,
  support: FlagSupport = "supported",
  choices?: readonly string[],
): FlagDefinition => ({
  name,
  kind,
  defaultText,
  help,
  support,
  ...(choices === undefined ? {} : { choices }),
});

/** Every flag of etcd 3.7, in the order of its help text, and then our own. */
export const FLAG_SECTIONS: readonly FlagSection[] = [
  {
    title: "Member",
    flags: [
      flag("name", "string", "default", "Human-readable name for this member."),
      flag("data-dir", "string", "", "Path to the data directory (default: the name followed by '.etcd')."),
      flag("wal-dir", "string", "", "Path to the dedicated WAL directory."),
      flag(
        "snapshot-count",
        "uint",
        "10000",
        "Number of committed transactions that trigger a snapshot to disk.",
      ),
      flag(
        "snapshot-catchup-entries",
        "uint",
        "5000",
        "Log entries kept for slow followers after a compaction of the raft log.",
      ),
      flag("heartbeat-interval", "uint", "100", "Time (in milliseconds) of a heartbeat interval."),
      flag("election-timeout", "uint", "1000", "Time (in milliseconds) for an election to time out."),
      flag(
        "initial-election-tick-advance",
        "bool",
        "true",
        "Fast-forward the first election timeout on boot.",
      ),
      flag("listen-peer-urls", "urls", "http://localhost:2380", "URLs to listen on for peer traffic."),
      flag(
        "listen-client-urls",
        "urls",
        "http://localhost:2379",
        "URLs to listen on for client gRPC and HTTP traffic.",
      ),
      flag(
        "listen-client-http-urls",
        "urls",
        "",
        "URLs to listen on for HTTP-only client traffic; --listen-client-urls then serve gRPC only.",
      ),
      flag("max-snapshots", "uint", "5", "Maximum number of snapshot files to retain (0 is unlimited)."),
      flag("max-wals", "uint", "5", "Maximum number of WAL files to retain (0 is unlimited)."),
      flag("memory-mlock", "bool", "false", "Lock the database in memory.", "inert"),
      flag(
        "quota-backend-bytes",
        "int",
        "0",
        "Raise alarms when the backend exceeds this size (0 means 2 GiB, negative disables).",
      ),
      flag("backend-bbolt-freelist-type", "string", "", "Has no meaning for this storage engine.", "inert"),
      flag(
        "backend-batch-interval",
        "duration",
        "0",
        "Longest time before the backend transaction is committed (0 means 100ms).",
      ),
      flag(
        "backend-batch-limit",
        "int",
        "0",
        "Most operations before the backend transaction is committed (0 means 10000).",
      ),
      flag("max-txn-ops", "uint", "128", "Maximum number of operations permitted in a transaction."),
      flag(
        "max-request-bytes",
        "uint",
        "1572864",
        "Maximum client request size in bytes the server will accept.",
      ),
      flag(
        "max-concurrent-streams",
        "uint",
        "4294967295",
        "Maximum concurrent streams that each client can open at a time.",
      ),
      flag(
        "grpc-keepalive-min-time",
        "duration",
        "5s",
        "Minimum interval that a client should wait before pinging the server.",
      ),
      flag(
        "grpc-keepalive-interval",
        "duration",
        "2h",
        "How often the server pings a client to see if the connection is alive (0: gRPC's default, 2h).",
      ),
      flag(
        "grpc-keepalive-timeout",
        "duration",
        "20s",
        "How long the server waits for the answer before closing the connection (0: gRPC's default, 20s).",
      ),
      flag("socket-reuse-port", "bool", "false", "Set SO_REUSEPORT on listeners.", "inert"),
      flag("socket-reuse-address", "bool", "false", "Set SO_REUSEADDR on listeners.", "inert"),
      flag("enable-grpc-gateway", "bool", "true", "Serve the JSON gateway under /v3/."),
      flag("raft-read-timeout", "duration", "5s", "Read timeout of peer connections."),
      flag("raft-write-timeout", "duration", "5s", "Write timeout of peer connections."),
      flag("feature-gates", "string", "", "Comma-separated Name=true|false pairs."),
      flag(
        "config-file",
        "string",
        "",
        "Path to a configuration file; other flags and variables are then ignored.",
        "refused",
      ),
      flag("version", "bool", "false", "Print the version and exit."),
    ],
  },
  {
    title: "Clustering",
    flags: [
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
        "",
        "Initial members: name=url[,name=url...] (default: this member alone).",
      ),
      flag(
        "initial-cluster-state",
        "string",
        "new",
        "'new' when bootstrapping a cluster, 'existing' when joining one.",
        "supported",
        ["new", "existing"],
      ),
      flag(
        "initial-cluster-token",
        "string",
        "etcd-cluster",
        "Token of the cluster during bootstrap; part of its IDs.",
      ),
      flag("discovery-token", "string", "", "V3 discovery token.", "refused"),
      flag("discovery-endpoints", "list", "", "V3 discovery endpoints.", "refused"),
      flag("discovery-dial-timeout", "duration", "2s", "V3 discovery dial timeout.", "inert"),
      flag("discovery-request-timeout", "duration", "5s", "V3 discovery request timeout.", "inert"),
      flag("discovery-keepalive-time", "duration", "2s", "V3 discovery keepalive time.", "inert"),
      flag("discovery-keepalive-timeout", "duration", "6s", "V3 discovery keepalive timeout.", "inert"),
      flag("discovery-insecure-transport", "bool", "true", "V3 discovery: allow plaintext.", "inert"),
      flag(
        "discovery-insecure-skip-tls-verify",
        "bool",
        "false",
        "V3 discovery: skip verification.",
        "inert",
      ),
      flag("discovery-cert", "string", "", "V3 discovery certificate.", "inert"),
      flag("discovery-key", "string", "", "V3 discovery key.", "inert"),
      flag("discovery-cacert", "string", "", "V3 discovery CA.", "inert"),
      flag("discovery-user", "string", "", "V3 discovery user.", "inert"),
      flag("discovery-password", "string", "", "V3 discovery password.", "inert"),
      flag("discovery-fallback", "string", "exit", "Behaviour when discovery fails.", "inert"),
      flag("discovery-srv", "string", "", "DNS domain for bootstrapping.", "refused"),
      flag("discovery-srv-name", "string", "", "Suffix of the DNS SRV name.", "refused"),
      flag("strict-reconfig-check", "bool", "true", "Refuse reconfigurations that would lose the quorum."),
      flag("pre-vote", "bool", "true", "Run the raft pre-vote phase."),
      flag(
        "auto-compaction-mode",
        "string",
        "periodic",
        "Mode of automatic compaction: periodic or revision.",
        "inert",
      ),
      flag(
        "auto-compaction-retention",
        "string",
        "0",
        "Retention of automatic compaction (0 disables).",
        "refused",
      ),
      flag("v2-deprecation", "list", "", "Accepted for compatibility.", "inert", [
        "write-only",
        "write-only-skip-check",
        "write-only-drop-data",
        "gone",
      ]),
    ],
  },
  {
    title: "Security",
    flags: [
      flag("cert-file", "string", "", "Path to the client server TLS certificate."),
      flag("key-file", "string", "", "Path to the client server TLS key."),
      flag(
        "client-cert-file",
        "string",
        "",
        "Certificate used when this member calls its own client port.",
        "inert",
      ),
      flag("client-key-file", "string", "", "Key used when this member calls its own client port.", "inert"),
      flag("client-cert-auth", "bool", "false", "Require client certificates."),
      flag("trusted-ca-file", "string", "", "Path to the CA of client certificates; requires them."),
      flag("client-crl-file", "string", "", "Path to the certificate revocation list (DER) of clients."),
      flag("client-cert-allowed-hostname", "list", "", "Allowed SANs of client certificates."),
      flag("auto-tls", "bool", "false", "Client TLS with generated certificates."),
      flag("peer-cert-file", "string", "", "Path to the peer TLS certificate."),
      flag("peer-key-file", "string", "", "Path to the peer TLS key."),
      flag("peer-client-cert-file", "string", "", "Certificate for outgoing peer connections."),
      flag("peer-client-key-file", "string", "", "Key for outgoing peer connections."),
      flag("peer-client-cert-auth", "bool", "false", "Require client certificates of peers."),
      flag("peer-trusted-ca-file", "string", "", "Path to the CA of peer certificates; requires them."),
      flag(
        "peer-auto-tls",
        "bool",
        "false",
        "Peer TLS with generated certificates; members are not verified.",
      ),
      flag("peer-crl-file", "string", "", "Path to the certificate revocation list (DER) of peers."),
      flag("peer-cert-allowed-cn", "list", "", "Allowed CNs of peer certificates."),
      flag("peer-cert-allowed-hostname", "list", "", "Allowed SANs of peer certificates."),
      flag(
        "peer-skip-client-san-verification",
        "bool",
        "false",
        "Do not compare the SANs of a peer's certificate with its address.",
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
      flag("cors", "list", "*", "Allowed origins for CORS."),
      flag("host-whitelist", "list", "*", "Acceptable host names of HTTP requests on plaintext listeners."),
      flag("auth-token", "string", "simple", "Type of auth tokens, and its options: simple, or jwt."),
      flag("auth-token-ttl", "uint", "300", "Lifetime of simple tokens, in seconds."),
      flag("bcrypt-cost", "uint", "10", "Cost of password hashes."),
    ],
  },
  {
    title: "Observability",
    flags: [
      flag("enable-pprof", "bool", "false", "Serve runtime profiles.", "inert"),
      flag("metrics", "string", "basic", "Level of detail of metrics: basic or extensive.", "inert"),
      flag("listen-metrics-urls", "urls", "", "Further URLs to listen on for metrics and health."),
      flag("logger", "string", "zap", "Accepted for compatibility."),
      flag("log-outputs", "list", "default", "Where logs go: default, stderr, stdout or a file path."),
      flag("log-level", "string", "info", "debug, info, warn, error, panic or fatal."),
      flag("log-format", "string", "json", "json or console."),
      flag("enable-log-rotation", "bool", "false", "Rotate the log file.", "inert"),
      flag(
        "log-rotation-config-json",
        "string",
        '{"maxsize": 100, "maxage": 0, "maxbackups": 0, "localtime": false, "compress": false}',
        "Log rotation settings.",
        "inert",
      ),
      flag(
        "warning-unary-request-duration",
        "duration",
        "300ms",
        "Log unary requests slower than this.",
        "inert",
      ),
      flag("warning-apply-duration", "duration", "100ms", "Log applies slower than this."),
      flag("enable-distributed-tracing", "bool", "false", "Export traces.", "inert"),
      flag("distributed-tracing-address", "string", "localhost:4317", "Trace collector.", "inert"),
      flag("distributed-tracing-service-name", "string", "etcd", "Service name of traces.", "inert"),
      flag("distributed-tracing-instance-id", "string", "", "Instance id of traces.", "inert"),
      flag("distributed-tracing-sampling-rate", "int", "0", "Samples per million.", "inert"),
    ],
  },
  {
    title: "Features and unsafe",
    flags: [
      flag("corrupt-check-time", "duration", "0", "Period of the corruption check among members (0 is off)."),
      flag(
        "compact-hash-check-time",
        "duration",
        "1m",
        "Period of the check of compaction hashes (with feature gate CompactHashCheck).",
      ),
      flag("compaction-batch-limit", "int", "0", "Revisions deleted per compaction batch (0 means 1000)."),
      flag("compaction-sleep-interval", "duration", "0", "Pause between compaction batches (0 means 10ms)."),
      flag(
        "watch-progress-notify-interval",
        "duration",
        "0",
        "Interval of periodic watch progress (0 means 10m).",
      ),
      flag("downgrade-check-time", "duration", "5s", "Period of the downgrade check (0 disables)."),
      flag(
        "bootstrap-defrag-threshold-megabytes",
        "uint",
        "0",
        "Defragment at start when this much would be freed.",
      ),
      flag("max-learners", "int", "1", "Learners allowed in the cluster; equal on all members."),
      flag("unsafe-no-fsync", "bool", "false", "Disable fsync. Unsafe: acknowledged writes can be lost."),
      flag("force-new-cluster", "bool", "false", "Start a one-member cluster from existing data."),
    ],
  },
  OWN_SECTION,
];

export const FLAGS: ReadonlyMap<string, FlagDefinition> = new Map(
  FLAG_SECTIONS.flatMap((section) => section.flags.map((definition) => [definition.name, definition])),
);

/** Accepted and ignored, as booleans without an argument: flags of releases long gone. */
export const IGNORED_FLAGS: ReadonlySet<string> = new Set(
  (
    "cluster-active-size cluster-remove-delay cluster-sync-interval config force max-result-buffer " +
    "max-retry-attempts peer-heartbeat-interval peer-election-timeout retry-interval snapshot v vv " +
    "test.coverprofile test.outputdir"
  ).split(" "),
);
