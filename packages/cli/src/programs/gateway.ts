import { runEtcdCommand } from "../command-line/etcd-command.ts";
import { GATEWAY } from "../gateway/commands.ts";

/** `etcd gateway …` and `quorate gateway …` */
export function run(args: readonly string[]): Promise<void> {
  return runEtcdCommand(GATEWAY, args);
}
