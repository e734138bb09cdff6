import { runEtcdCommand } from "../command-line/etcd-command.ts";
import { GRPC_PROXY } from "../grpc-proxy/commands.ts";

/** `etcd grpc-proxy …` and `quorate grpc-proxy …` */
export function run(args: readonly string[]): Promise<void> {
  return runEtcdCommand(GRPC_PROXY, args);
}
