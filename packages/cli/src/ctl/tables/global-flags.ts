import { DISCOVERY_SRV, DISCOVERY_SRV_NAME } from "../../command-line/discovery-flags.ts";
import { type FlagSpec, flag, toggle } from "../../command-line/flag-spec.ts";

/** Flags of all commands of etcdctl. */
export const GLOBAL_FLAGS: readonly FlagSpec[] = [
  flag("endpoints", "strings", "127.0.0.1:2379", "where members listen"),
  toggle("debug", "write to standard error what the client does"),
  flag("write-out", "string", "simple", "output format (fields, json, protobuf, simple, table)", "w"),
  toggle("hex", "print keys, values and IDs in hexadecimal"),
  flag("dial-timeout", "duration", "2s", "how long connecting may take"),
  flag("command-timeout", "duration", "5s", "how long a short command may take once it is connected"),
  flag("keepalive-time", "duration", "2s", "silence after which a connection is probed"),
  flag("keepalive-timeout", "duration", "6s", "how long a probe may take"),
  flag("max-request-bytes", "int", "0", "largest request to send (0: 2 MiB)"),
  flag("max-recv-bytes", "int", "0", "largest answer to take (0: 2 GiB)"),
  flag("insecure-transport", "bool", "true", "speak without TLS where the endpoint leaves the choice"),
  flag("insecure-discovery", "bool", "true", "take SRV records that name endpoints without TLS"),
  toggle("insecure-skip-tls-verify", "take any certificate of a server (for tests only)"),
  flag("cert", "string", "", "file of the certificate to show to servers"),
  flag("key", "string", "", "file of the key that belongs to --cert"),
  flag("cacert", "string", "", "file of the authorities that may vouch for servers"),
  flag("auth-jwt-token", "string", "", "token to send, in place of --user and --password"),
  flag("user", "string", "", "name[:password]; a password that is missing is asked for"),
  flag("password", "string", "", "password; all of --user is the name then"),
  { ...DISCOVERY_SRV, short: "d" },
  DISCOVERY_SRV_NAME,
];

/** Of several commands. */
export const CONSISTENCY = flag("consistency", "string", "l", "l: linearizable, or s: serializable");
