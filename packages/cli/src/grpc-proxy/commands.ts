import type { CommandSpec } from "../command-line/command.ts";
import { DISCOVERY_SRV, DISCOVERY_SRV_NAME } from "../command-line/discovery-flags.ts";
import { flag, toggle } from "../command-line/flag-spec.ts";

const START: CommandSpec = {
  name: "start",
  short: "start the grpc proxy",
  flags: [
    flag("listen-addr", "string", "127.0.0.1:23790", "where it listens for clients"),
    flag("endpoints", "strings", "127.0.0.1:2379", "where members of the cluster listen for clients"),
    flag(
      "endpoints-auto-sync-interval",
      "duration",
      "0s",
      "how often members are asked where they listen; never with 0",
    ),
    DISCOVERY_SRV,
    DISCOVERY_SRV_NAME,
    toggle("insecure-discovery", "take what these records name without a look at certificates"),
    flag(
      "dial-keepalive-time",
      "duration",
      "0s",
      "silence after which a member is asked whether it is there; never with 0",
    ),
    flag("dial-keepalive-timeout", "duration", "20s", "time in which it has to answer"),
    toggle("permit-without-stream", "ask so also while there is no call"),
    flag("max-send-bytes", "int", "1572864", "largest request that goes to a member"),
    flag("max-recv-bytes", "int", "2147483647", "largest response that is taken from a member"),
    flag("cert", "string", "", "certificate that members are shown; its common name must be empty"),
    flag("key", "string", "", "its key"),
    flag("cacert", "string", "", "file of the authorities that have to vouch for members"),
    toggle("insecure-skip-tls-verify", "do not look at certificates of members: for tests only"),
    flag("cert-file", "string", "", "certificate that clients are shown"),
    flag("key-file", "string", "", "its key"),
    flag("trusted-ca-file", "string", "", "file of the authorities that have to vouch for clients"),
    flag("client-crl-file", "string", "", "list of the clients' certificates that are revoked"),
    toggle("auto-tls", "show clients a certificate that the proxy makes itself"),
    flag("self-signed-cert-validity", "uint", "1", "years for which that certificate is valid"),
    flag("listen-cipher-suites", "strings", "", "TLS 1.2 cipher suites for clients, by Go's names"),
    flag("tls-min-version", "string", "TLS1.2", "lowest version of TLS for clients: TLS1.2 or TLS1.3"),
    flag("tls-max-version", "string", "", "highest version of TLS for clients: TLS1.2 or TLS1.3"),
    flag(
      "advertise-client-url",
      "string",
      "127.0.0.1:23790",
      "where clients find the proxy; empty: they are told of members",
    ),
    flag("resolver-prefix", "string", "", "keys below which proxies say where they are"),
    flag("resolver-ttl", "int", "0", "seconds for which that holds after the end of a proxy"),
    flag("namespace", "string", "", "what clients' keys begin with in the cluster"),
    flag("metrics-addr", "string", "", "URL at which metrics and health are told as well"),
    toggle("enable-pprof", "profiles of the proxy at /debug/pprof/"),
    flag("data-dir", "string", "default.proxy", "directory for what the proxy makes itself"),
    flag("grpc-keepalive-min-time", "duration", "5s", "shortest time between pings of a client"),
    flag(
      "grpc-keepalive-interval",
      "duration",
      "2h0m0s",
      "silence after which a client is pinged; never with 0",
    ),
    flag("grpc-keepalive-timeout", "duration", "20s", "time in which it has to answer"),
    flag(
      "max-concurrent-streams",
      "uint",
      "4294967295",
      "calls that a connection of a client may have at a time",
    ),
    toggle(
      "experimental-serializable-ordering",
      "reads never go back in time, whichever member they come from",
    ),
    flag(
      "experimental-leasing-prefix",
      "string",
      "",
      "keys that proxies say below which keys they own: those are read without members; all writers have to have the same",
    ),
    toggle("experimental-enable-grpc-logging", "a line in the log for each call"),
    toggle("debug", "log what helps to find mistakes, too"),
  ],
  load: () => import("./start.ts"),
};

/** `etcd grpc-proxy …` and `quorate grpc-proxy …` */
export const GRPC_PROXY: CommandSpec = {
  name: "grpc-proxy",
  short: "grpc-proxy related command",
  commands: [START],
};
