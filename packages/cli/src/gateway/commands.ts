import type { CommandSpec } from "../command-line/command.ts";
import { DISCOVERY_SRV, DISCOVERY_SRV_NAME } from "../command-line/discovery-flags.ts";
import { flag, toggle } from "../command-line/flag-spec.ts";

const START: CommandSpec = {
  name: "start",
  short: "start the gateway",
  flags: [
    flag("listen-addr", "string", "127.0.0.1:23790", "where it listens"),
    flag("endpoints", "strings", "127.0.0.1:2379", "where members of the cluster listen for clients"),
    DISCOVERY_SRV,
    DISCOVERY_SRV_NAME,
    toggle("insecure-discovery", "take what these records name without a look at certificates"),
    flag("trusted-ca-file", "string", "", "file of the authorities that have to vouch for what they name"),
    flag("retry-delay", "duration", "1m0s", "time after which an endpoint that failed is tried again"),
  ],
  load: () => import("./start.ts"),
};

/** `etcd gateway …` and `quorate gateway …` */
export const GATEWAY: CommandSpec = {
  name: "gateway",
  short: "gateway related command",
  commands: [START],
};
