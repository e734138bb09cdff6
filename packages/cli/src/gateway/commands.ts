import type { CommandPath, CommandSpec } from "../ctl/command-line/command.ts";
import { flag, toggle } from "../ctl/command-line/flag-spec.ts";

const START: CommandSpec = {
  name: "start",
  short: "start the gateway",
  flags: [
    flag("listen-addr", "string", "127.0.0.1:23790", "where it listens"),
    flag("endpoints", "strings", "127.0.0.1:2379", "where members of the cluster listen for clients"),
    flag("discovery-srv", "string", "", "domain whose SRV records name the endpoints"),
    flag("discovery-srv-name", "string", "", "end of the name of the service in these records"),
    toggle("insecure-discovery", "take what these records name without a look at certificates"),
    flag("trusted-ca-file", "string", "", "file of the authorities that have to vouch for what they name"),
    flag("retry-delay", "duration", "1m0s", "time after which an endpoint that failed is tried again"),
  ],
  load: () => import("./start.ts"),
};

/** All that a command line may mean whose program is called so. */
export function gatewayCommands(program: string): CommandPath {
  const gateway: CommandSpec = { name: "gateway", short: "gateway related command", commands: [START] };
  return [{ name: program, short: program, commands: [gateway] }];
}
