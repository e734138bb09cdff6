import type { CommandSpec } from "../command-line/command.ts";
import { type FlagSpec, flag, toggle } from "../command-line/flag-spec.ts";
import { checkShell } from "../command-line/shells.ts";
import { BUMP, NEW_MEMBER } from "./new-member-flags.ts";

const SHARED_FLAGS: readonly FlagSpec[] = [
  flag("timeout", "duration", "10s", "how long to wait for others that have the database open, 0: for ever"),
  flag("write-out", "string", "simple", "output format (fields, json, protobuf, simple, table)", "w"),
];

const DATA_DIR = flag("data-dir", "string", "", "data directory of a member that is not running");

const SNAPSHOT: CommandSpec = {
  name: "snapshot",
  short: "Works on snapshot files",
  commands: [
    {
      name: "status",
      takes: "<filename>",
      short: "Checks a snapshot file, and tells what is in it",
      load: () => import("./commands/snapshot-status.ts"),
    },
    {
      name: "restore",
      takes: "<filename> --data-dir {output dir} [options]",
      short: "Makes a data directory of a snapshot file, for a member of a new cluster",
      flags: [
        ...NEW_MEMBER,
        toggle("skip-hash-check", "take a file without its sum, such as a copy of a member's database"),
        flag(
          "initial-memory-map-size",
          "uint",
          "10737418240",
          "accepted, without effect: memory is mapped as needed",
        ),
        ...BUMP,
      ],
      load: () => import("./commands/snapshot-restore.ts"),
    },
  ],
};

const HASHKV: CommandSpec = {
  name: "hashkv",
  takes: "<filename>",
  short: "Prints the hash of the keys in a database or snapshot file",
  flags: [flag("rev", "int64", "0", "revision to hash (0: the last one)")],
  checkArguments: (args) => (args.length === 1 ? undefined : `accepts 1 arg(s), received ${args.length}`),
  load: () => import("./commands/hashkv.ts"),
};

const DEFRAG: CommandSpec = {
  name: "defrag",
  short: "Writes a member's database anew, without its free pages",
  flags: [DATA_DIR],
  requiredFlags: ["data-dir"],
  load: () => import("./commands/defrag.ts"),
};

const MIGRATE: CommandSpec = {
  name: "migrate",
  short: "Makes a member's database one that another release of etcd starts on",
  flags: [
    DATA_DIR,
    flag("target-version", "string", "", 'release to migrate to, as "X.Y", such as 3.6; at least 3.5'),
    toggle("force", "write the version even if the migration fails; may cost data"),
  ],
  requiredFlags: ["data-dir", "target-version"],
  load: () => import("./commands/migrate.ts"),
};

const CHECK: CommandSpec = {
  name: "check",
  takes: "<filename>",
  short: "Looks at every page and every entry of a database or snapshot file",
  beyondEtcd: true,
  checkArguments: HASHKV.checkArguments!,
  load: () => import("./commands/check.ts"),
};

const VERIFY: CommandSpec = {
  name: "verify",
  short: "Looks at all files of a member, and whether they belong together",
  beyondEtcd: true,
  flags: [
    DATA_DIR,
    flag("wal-dir", "string", "", "directory of its log (within the data directory unless given)"),
  ],
  requiredFlags: ["data-dir"],
  load: () => import("./commands/verify.ts"),
};

const FILE_OR_DIRECTORY = {
  takes: "<data directory or filename>",
  beyondEtcd: true,
  checkArguments: HASHKV.checkArguments!,
} as const;

const INSPECT: CommandSpec = {
  name: "inspect",
  short: "Shows what is in the files of a member",
  beyondEtcd: true,
  commands: [
    {
      name: "wal",
      takes: "<data directory>",
      short: "Prints every record of a log, with what its entries have members do",
      beyondEtcd: true,
      flags: [
        flag("wal-dir", "string", "", "directory of the log (within the data directory unless given)"),
        flag("from", "int64", "0", "from the entry with this index on"),
        flag("limit", "int", "0", "how many records at most (0: all)"),
      ],
      checkArguments: HASHKV.checkArguments!,
      load: async () => ({ run: (await import("./commands/inspect.ts")).wal }),
    },
    {
      name: "buckets",
      ...FILE_OR_DIRECTORY,
      short: "Prints the buckets of a database, and how much is in each",
      load: async () => ({ run: (await import("./commands/inspect.ts")).buckets }),
    },
    {
      name: "keys",
      ...FILE_OR_DIRECTORY,
      short: "Prints the keys of a database that take most",
      flags: [
        flag(
          "by",
          "string",
          "size",
          "what is most: size (now), total (all revisions) or revisions (their number)",
        ),
        flag("limit", "int", "20", "how many keys at most (0: all)"),
        flag("prefix", "string", "", "only keys that begin so"),
      ],
      load: async () => ({ run: (await import("./commands/inspect.ts")).keys }),
    },
  ],
};

const RECOVER: CommandSpec = {
  name: "recover",
  takes: "<data directory>[=<wal directory>]... [options]",
  short: "Compares what is left of members, and makes a new cluster of the best",
  long: `Compares what is left of the members of a cluster that has lost its quorum, names the best, and says what may be lost.
With --data-dir it makes a new cluster of one of copies of the best's files. The directories that are compared stay as they are,
and no member may run on them.`,
  beyondEtcd: true,
  flags: [
    flag("data-dir", "string", "", "data directory to make (default: none is made)"),
    flag("wal-dir", "string", "", "directory of its log (within the data directory unless given)"),
    flag("best", "string", "", "the data directory that is to count as the best"),
    toggle("yes", "do not ask"),
  ],
  load: () => import("./commands/recover.ts"),
};

const VERSION: CommandSpec = {
  name: "version",
  short: "Prints the version",
  load: () => import("../ctl/commands/version.ts"),
};

const COMPLETION: CommandSpec = {
  name: "completion",
  takes: "[bash|zsh|fish|powershell]",
  short: "Prints a script that completes commands in a shell",
  checkArguments: checkShell("etcdutl"),
  load: () => import("../ctl/commands/completion.ts"),
};

const HELP: CommandSpec = {
  name: "help",
  takes: "[command]",
  short: "Prints how a command is used",
  load: () => import("../ctl/commands/version.ts"),
};

/** All of etcdutl. */
export const ETCDUTL: CommandSpec = {
  name: "etcdutl",
  short: "Works on the files of members that are not running, and on snapshots.",
  sharedFlags: SHARED_FLAGS,
  explainsSharedFlags: true,
  repeatsComplaints: "Error: ",
  commands: [DEFRAG, SNAPSHOT, HASHKV, VERSION, COMPLETION, MIGRATE, HELP],
};

/** The same with what only `quorate utl` has: under etcdutl's name nothing is more than etcdutl's. */
export const QUORATE_UTL: CommandSpec = {
  ...ETCDUTL,
  commands: [...ETCDUTL.commands!, CHECK, VERIFY, INSPECT, RECOVER],
  isForPeople: true,
};
