import { endWithParent } from "../dev/dev-member.ts";
import { runServer } from "../server-command.ts";

/** `etcd [flags]`, `quorate [flags]`, `quorate server [flags]`, and a member of `quorate dev`. */
export async function run(args: readonly string[]): Promise<void> {
  const [command, ...rest] = args;
  if (command === "etcd") return runServer("etcd", rest);
  if (rest[0] === "server") return runServer("quorate server", rest.slice(1));
  if (rest[0] === "dev-member") {
    endWithParent();
    return runServer("quorate dev", rest.slice(1));
  }
  return runServer("quorate", rest);
}
