import { printVersion } from "../version.ts";

const USAGE = `Usage:
  quorate [flags]           start a member (etcd's flags; the same as 'quorate server')
  quorate server [flags]    start a member
  quorate dev [flags]       start a cluster of three members on this machine (see 'quorate dev --help')
  quorate ctl ...           ask a cluster (what 'etcdctl' does, and more; see 'quorate ctl help')
  quorate utl ...           work on snapshots and stopped members' files (the same as 'etcdutl ...')
  quorate gateway start     hand connections on to the members of a cluster (see 'quorate gateway start --help')
  quorate grpc-proxy start  share watches and reads of many clients (see 'quorate grpc-proxy start --help')
  quorate backup ...        keep snapshots and an archive of all changes (see 'quorate backup --help')
  quorate restore ...       make a member of a backup, as of a revision or a time (see 'quorate restore --help')
  quorate version           print the version
  quorate help              print this text

Run 'quorate server --help' for all flags. Without flags, a member named 'default' keeps its data in
'default.etcd' and serves clients on http://localhost:2379.
`;

/** `quorate version`, `quorate help`, `--version` alone, and what is no command. */
export async function run(args: readonly string[]): Promise<void> {
  const command = args[1];
  if (command === "version" || command === "--version" || command === "-version") return printVersion();
  if (command === "help") {
    process.stdout.write(USAGE);
    return;
  }
  process.stderr.write(`quorate: unknown command "${command}"\n\n${USAGE}`);
  process.exitCode = 2;
}
