import { runServer } from "./server-command.ts";
import { printVersion } from "./version.ts";

const USAGE = `Usage:
  quorate [flags]           start a member (etcd's flags; the same as 'quorate server')
  quorate server [flags]    start a member
  quorate dev [flags]       start a cluster of three members on this machine (see 'quorate dev --help')
  quorate version           print the version
  quorate help              print this text

Run 'quorate server --help' for all flags. Without flags, a member named 'default' keeps its data in
'default.etcd' and serves clients on http://localhost:2379.
`;

/** `args[0]` is the program's name (`quorate` or `etcd`), the rest its own arguments. */
export async function run(args: readonly string[]): Promise<void> {
  const [program, ...rest] = args;
  if (program === "etcd") return runServer("etcd", rest);
  const command = rest[0];
  if (command === undefined || command.startsWith("-")) return runServer("quorate", rest);
  if (command === "server") return runServer("quorate server", rest.slice(1));
  if (command === "dev") {
    // Loaded when it is asked for: a member's start does not pay for it.
    const { runDev } = await import("./dev/dev-command.ts");
    return runDev(rest.slice(1));
  }
  if (command === "dev-member") {
    const { endWithParent } = await import("./dev/dev-member.ts");
    endWithParent();
    return runServer("quorate dev", rest.slice(1));
  }
  if (command === "version") return printVersion();
  if (command === "help") {
    process.stdout.write(USAGE);
    return;
  }
  process.stderr.write(`quorate: unknown command "${command}"\n\n${USAGE}`);
  process.exitCode = 2;
}
