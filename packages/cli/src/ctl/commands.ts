import type { CommandSpec } from "./command-line/command.ts";
import { type FlagSpec, flag, toggle } from "./command-line/flag-spec.ts";
import { GROUPS } from "./command-line/help.ts";
import { checkShell } from "./command-line/shells.ts";
import { EXPLORING } from "./explore/commands.ts";
import { explain } from "./explore/explain.ts";

const [KEYS, MAINTENANCE, CONCURRENCY, AUTHENTICATION, UTILITIES] = GROUPS;

const GLOBAL_FLAGS: readonly FlagSpec[] = [
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
  flag("discovery-srv", "string", "", "domain whose SRV records name the endpoints", "d"),
  flag("discovery-srv-name", "string", "", "end of the name of the service in these records"),
];

const CONSISTENCY = flag("consistency", "string", "l", "l: linearizable, or s: serializable");
const PEER_URLS = flag("peer-urls", "string", "", "where the member listens for others, with commas between");
const CLUSTER = toggle("cluster", "ask all members of the cluster, not only --endpoints");
const AUTO_FLAGS = [
  toggle("auto-compact", "compact the store when the check is over"),
  toggle("auto-defrag", "defragment the members when the check is over"),
];
const LOAD = flag("load", "string", "s", "how much: s(mall), m(edium), l(arge) or xl (xLarge)");
const INTERACTIVE_PASSWORD = flag(
  "interactive",
  "bool",
  "true",
  "ask for the password on the terminal; otherwise it is read from standard input",
);

const GET: CommandSpec = {
  name: "get",
  takes: "[options] <key> [range_end]",
  short: "Reads a key, or the keys of a range",
  group: KEYS,
  flags: [
    CONSISTENCY,
    flag("order", "string", "", "ASCEND or DESCEND"),
    flag("sort-by", "string", "", "CREATE, KEY, MODIFY, VALUE or VERSION"),
    flag("limit", "int64", "0", "how many keys at most"),
    toggle("prefix", "all keys that begin with the key"),
    toggle("from-key", "all keys from the key on"),
    flag("rev", "int64", "0", "as it was in this revision"),
    toggle("keys-only", "without the values"),
    toggle("count-only", "only how many there are"),
    toggle("print-value-only", "without the keys, in simple output"),
    flag("min-create-rev", "int64", "0", "only keys created in this revision or later"),
    flag("max-create-rev", "int64", "0", "only keys created in this revision or earlier"),
    flag("min-mod-rev", "int64", "0", "only keys changed last in this revision or later"),
    flag("max-mod-rev", "int64", "0", "only keys changed last in this revision or earlier"),
    toggle("stream", "receive the keys as the member reads them"),
  ],
  load: () => import("./commands/get.ts"),
};

const PUT: CommandSpec = {
  name: "put",
  takes: "[options] <key> <value> (<value> can also be given from stdin)",
  short: "Stores a value under a key",
  long: `Stores a value under a key. Without a value all of standard input is taken.

A value that begins with a dash stands behind two: etcdctl put <key> -- <value>`,
  group: KEYS,
  flags: [
    flag("lease", "string", "0", "lease of the key, in hexadecimal"),
    toggle("prev-kv", "print what was there before"),
    toggle("ignore-value", "keep the value that the key has"),
    toggle("ignore-lease", "keep the lease that the key has"),
  ],
  load: () => import("./commands/put.ts"),
};

const DEL: CommandSpec = {
  name: "del",
  takes: "[options] <key> [range_end]",
  short: "Deletes a key, or the keys of a range",
  group: KEYS,
  flags: [
    toggle("prefix", "all keys that begin with the key"),
    toggle("prev-kv", "print what was there before"),
    toggle("from-key", "all keys from the key on"),
    toggle("range", "do not wait before a range is deleted"),
  ],
  load: () => import("./commands/del.ts"),
};

const TXN: CommandSpec = {
  name: "txn",
  takes: "[options]",
  short: "Does several things at once, depending on conditions",
  long: `Reads three parts from standard input, each ended by an empty line: conditions, what to do when all of them hold, and
what to do otherwise.

  mod("key") > "0"

  put key "again"
  get key

  put key "for the first time"
`,
  group: KEYS,
  flags: [toggle("interactive", "say which part is expected", "i")],
  load: () => import("./commands/txn.ts"),
};

const WATCH: CommandSpec = {
  name: "watch",
  takes: "[options] [key or prefix] [range_end] [--] [exec-command arg1 arg2 ...]",
  short: "Prints changes as they happen, or runs a command for each",
  group: KEYS,
  flags: [
    toggle("interactive", "read what to watch from standard input", "i"),
    toggle("prefix", "all keys that begin with the key"),
    flag("rev", "int64", "0", "from this revision on"),
    toggle("prev-kv", "print what was there before, too"),
    toggle("progress-notify", "say now and then how far it is when nothing happens"),
  ],
  load: () => import("./commands/watch.ts"),
};

const COMPACTION: CommandSpec = {
  name: "compaction",
  takes: "[options] <revision>",
  short: "Forgets what keys were before a revision",
  group: KEYS,
  flags: [toggle("physical", "wait until it is gone from the database")],
  load: () => import("./commands/compaction.ts"),
};

const LEASE: CommandSpec = {
  name: "lease",
  takes: "<subcommand>",
  short: "Leases: see `etcdctl lease --help`",
  long: "Leases: time that keys have",
  group: KEYS,
  commands: [
    {
      name: "grant",
      takes: "<ttl>",
      short: "Makes a lease of so many seconds",
      load: async () => ({ run: (await import("./commands/lease.ts")).grant }),
    },
    {
      name: "revoke",
      takes: "<leaseID>",
      short: "Ends a lease, and its keys with it",
      load: async () => ({ run: (await import("./commands/lease.ts")).revoke }),
    },
    {
      name: "timetolive",
      takes: "<leaseID> [options]",
      short: "Prints how much time a lease has",
      flags: [toggle("keys", "print its keys, too")],
      load: async () => ({ run: (await import("./commands/lease.ts")).timeToLive }),
    },
    {
      name: "list",
      short: "Prints all leases",
      load: async () => ({ run: (await import("./commands/lease.ts")).list }),
    },
    {
      name: "keep-alive",
      takes: "[options] <leaseID>",
      short: "Gives a lease its whole time again and again",
      flags: [toggle("once", "do it once")],
      load: async () => ({ run: (await import("./commands/lease.ts")).keepAlive }),
    },
  ],
};

const MEMBER: CommandSpec = {
  name: "member",
  takes: "<subcommand>",
  short: "Members: see `etcdctl member --help`",
  long: "The members of the cluster",
  group: MAINTENANCE,
  commands: [
    {
      name: "add",
      takes: "<memberName> [options]",
      short: "Adds a member",
      flags: [PEER_URLS, toggle("learner", "it does not vote yet")],
      load: async () => ({ run: (await import("./commands/member.ts")).add }),
    },
    {
      name: "remove",
      takes: "<memberID>",
      short: "Removes a member",
      load: async () => ({ run: (await import("./commands/member.ts")).remove }),
    },
    {
      name: "update",
      takes: "<memberID> [options]",
      short: "Changes where a member listens for others",
      flags: [PEER_URLS],
      load: async () => ({ run: (await import("./commands/member.ts")).update }),
    },
    {
      name: "list",
      short: "Prints all members",
      flags: [CONSISTENCY],
      load: async () => ({ run: (await import("./commands/member.ts")).list }),
    },
    {
      name: "promote",
      takes: "<memberID>",
      short: "Lets a learner vote",
      load: async () => ({ run: (await import("./commands/member.ts")).promote }),
    },
  ],
};

const ENDPOINT: CommandSpec = {
  name: "endpoint",
  takes: "<subcommand>",
  short: "Single members: see `etcdctl endpoint --help`",
  long: "What single members say of themselves",
  group: MAINTENANCE,
  sharedFlags: [CLUSTER],
  commands: [
    {
      name: "health",
      short: "Says which members serve",
      load: async () => ({ run: (await import("./commands/endpoint.ts")).health }),
    },
    {
      name: "status",
      short: "Prints versions, sizes and positions of members",
      load: async () => ({ run: (await import("./commands/endpoint.ts")).status }),
    },
    {
      name: "hashkv",
      short: "Prints the hash of what members hold",
      sharedFlags: [flag("rev", "int64", "0", "up to this revision (default: the latest)")],
      load: async () => ({ run: (await import("./commands/endpoint.ts")).hashKv }),
    },
  ],
};

const ALARM: CommandSpec = {
  name: "alarm",
  takes: "<subcommand>",
  short: "Alarms: see `etcdctl alarm --help`",
  long: "Alarms of the cluster",
  group: MAINTENANCE,
  commands: [
    {
      name: "disarm",
      short: "Ends all alarms",
      load: async () => ({ run: (await import("./commands/alarm.ts")).disarm }),
    },
    {
      name: "list",
      short: "Prints all alarms",
      load: async () => ({ run: (await import("./commands/alarm.ts")).list }),
    },
  ],
};

const DOWNGRADE: CommandSpec = {
  name: "downgrade",
  takes: "<TARGET_VERSION>",
  short: "Downgrades: see `etcdctl downgrade --help`",
  long: "Going back to the release before",
  group: MAINTENANCE,
  commands: [
    {
      name: "validate",
      takes: "<TARGET_VERSION>",
      short: "Says whether the cluster could go back to a version",
      load: async () => ({ run: (await import("./commands/downgrade.ts")).validate }),
    },
    {
      name: "enable",
      takes: "<TARGET_VERSION>",
      short: "Begins to go back to a version",
      load: async () => ({ run: (await import("./commands/downgrade.ts")).enable }),
    },
    {
      name: "cancel",
      short: "Stops going back",
      load: async () => ({ run: (await import("./commands/downgrade.ts")).cancel }),
    },
  ],
};

const SNAPSHOT: CommandSpec = {
  name: "snapshot",
  takes: "<subcommand>",
  short: "Snapshots: see `etcdctl snapshot --help`",
  group: MAINTENANCE,
  commands: [
    {
      name: "save",
      takes: "<filename>",
      short: "Writes the database of one member into a file",
      load: async () => ({ run: (await import("./commands/snapshot.ts")).save }),
    },
  ],
};

const AUTH: CommandSpec = {
  name: "auth",
  takes: "<enable or disable>",
  short: "Authentication: see `etcdctl auth --help`",
  long: "Whether users have to say who they are",
  group: AUTHENTICATION,
  commands: [
    {
      name: "enable",
      short: "From now on they have to",
      load: async () => ({ run: (await import("./commands/auth.ts")).enable }),
    },
    {
      name: "disable",
      short: "From now on they do not",
      load: async () => ({ run: (await import("./commands/auth.ts")).disable }),
    },
    {
      name: "status",
      short: "Says whether they have to",
      load: async () => ({ run: (await import("./commands/auth.ts")).status }),
    },
  ],
};

const USER: CommandSpec = {
  name: "user",
  takes: "<subcommand>",
  short: "Users: see `etcdctl user --help`",
  long: "Users and their roles",
  group: AUTHENTICATION,
  commands: [
    {
      name: "add",
      takes: "<user name or user:password> [options]",
      short: "Adds a user",
      flags: [
        INTERACTIVE_PASSWORD,
        flag("new-user-password", "string", "", "its password; the whole argument is the name then"),
        toggle("no-password", "it has none, and is known by its certificate"),
      ],
      load: async () => ({ run: (await import("./commands/user.ts")).add }),
    },
    {
      name: "delete",
      takes: "<user name>",
      short: "Removes a user",
      load: async () => ({ run: (await import("./commands/user.ts")).remove }),
    },
    {
      name: "get",
      takes: "<user name> [options]",
      short: "Prints the roles of a user",
      flags: [toggle("detail", "print what these roles may do")],
      load: async () => ({ run: (await import("./commands/user.ts")).get }),
    },
    {
      name: "list",
      short: "Prints all users",
      load: async () => ({ run: (await import("./commands/user.ts")).list }),
    },
    {
      name: "passwd",
      takes: "<user name> [options]",
      short: "Changes the password of a user",
      flags: [INTERACTIVE_PASSWORD],
      load: async () => ({ run: (await import("./commands/user.ts")).changePassword }),
    },
    {
      name: "grant-role",
      takes: "<user name> <role name>",
      short: "Gives a role to a user",
      load: async () => ({ run: (await import("./commands/user.ts")).grantRole }),
    },
    {
      name: "revoke-role",
      takes: "<user name> <role name>",
      short: "Takes a role from a user",
      load: async () => ({ run: (await import("./commands/user.ts")).revokeRole }),
    },
  ],
};

const RANGE_OF_PERMISSION = [
  toggle("prefix", "for all keys that begin with the key"),
  toggle("from-key", "for all keys from the key on"),
];

const ROLE: CommandSpec = {
  name: "role",
  takes: "<subcommand>",
  short: "Roles: see `etcdctl role --help`",
  long: "Roles and what they may do",
  group: AUTHENTICATION,
  commands: [
    {
      name: "add",
      takes: "<role name>",
      short: "Adds a role",
      load: async () => ({ run: (await import("./commands/role.ts")).add }),
    },
    {
      name: "delete",
      takes: "<role name>",
      short: "Removes a role",
      load: async () => ({ run: (await import("./commands/role.ts")).remove }),
    },
    {
      name: "get",
      takes: "<role name>",
      short: "Prints what a role may do",
      load: async () => ({ run: (await import("./commands/role.ts")).get }),
    },
    {
      name: "list",
      short: "Prints all roles",
      load: async () => ({ run: (await import("./commands/role.ts")).list }),
    },
    {
      name: "grant-permission",
      takes: "[options] <role name> <permission type> <key> [endkey]",
      short: "Lets a role read or write keys",
      flags: RANGE_OF_PERMISSION,
      load: async () => ({ run: (await import("./commands/role.ts")).grantPermission }),
    },
    {
      name: "revoke-permission",
      takes: "<role name> <key> [endkey]",
      short: "Takes a permission from a role",
      flags: RANGE_OF_PERMISSION,
      load: async () => ({ run: (await import("./commands/role.ts")).revokePermission }),
    },
  ],
};

const CHECK: CommandSpec = {
  name: "check",
  takes: "<subcommand>",
  short: "Checks of the cluster: see `etcdctl check --help`",
  long: "Checks whether the cluster is up to a load",
  group: UTILITIES,
  commands: [
    {
      name: "perf",
      takes: "[options]",
      short: "Checks whether so many keys can be stored in a second",
      flags: [
        LOAD,
        flag("prefix", "string", "/etcdctl-check-perf/", "what its keys begin with"),
        ...AUTO_FLAGS,
      ],
      load: () => import("./commands/check-perf.ts"),
    },
    {
      name: "datascale",
      takes: "[options]",
      short: "Measures how much memory the first member takes for so many keys",
      flags: [
        LOAD,
        flag("prefix", "string", "/etcdctl-check-datascale/", "what its keys begin with"),
        ...AUTO_FLAGS,
      ],
      load: () => import("./commands/check-datascale.ts"),
    },
  ],
};

const MAKE_MIRROR: CommandSpec = {
  name: "make-mirror",
  takes: "[options] <destination>",
  short: "Copies keys to another cluster, and whatever changes from then on",
  group: UTILITIES,
  flags: [
    flag("prefix", "string", "", "keys that begin so (default: all)"),
    flag("rev", "int64", "0", "only what changes from this revision on"),
    flag("max-txn-ops", "uint", "128", "how many changes go into one transaction"),
    flag("dest-prefix", "string", "", "what keys begin with in the other cluster"),
    toggle("no-dest-prefix", "take the prefix away"),
    flag("dest-cert", "string", "", "as --cert, for the other cluster"),
    flag("dest-key", "string", "", "as --key, for the other cluster"),
    flag("dest-cacert", "string", "", "as --cacert, for the other cluster"),
    flag("dest-insecure-transport", "bool", "true", "as --insecure-transport, for the other cluster"),
    flag("dest-user", "string", "", "as --user, for the other cluster"),
    flag("dest-password", "string", "", "as --password, for the other cluster"),
  ],
  load: () => import("./commands/make-mirror.ts"),
};

const DEFRAG: CommandSpec = {
  name: "defrag",
  short: "Gives back what databases do not need any more",
  group: MAINTENANCE,
  sharedFlags: [CLUSTER],
  load: () => import("./commands/defrag.ts"),
};

const MOVE_LEADER: CommandSpec = {
  name: "move-leader",
  takes: "<transferee-member-id>",
  short: "Lets another member lead",
  group: MAINTENANCE,
  load: () => import("./commands/move-leader.ts"),
};

const LOCK: CommandSpec = {
  name: "lock",
  takes: "<lockname> [exec-command arg1 arg2 ...]",
  short: "Holds a lock, until a command has ended or a signal comes",
  group: CONCURRENCY,
  flags: [flag("ttl", "int", "10", "seconds that the lock outlives its holder")],
  load: () => import("./commands/lock.ts"),
};

const ELECT: CommandSpec = {
  name: "elect",
  takes: "<election-name> [proposal]",
  short: "Runs for an election, or watches who wins",
  group: CONCURRENCY,
  flags: [toggle("listen", "watch who wins", "l")],
  load: () => import("./commands/elect.ts"),
};

const VERSION: CommandSpec = {
  name: "version",
  short: "Prints the version",
  group: UTILITIES,
  load: () => import("./commands/version.ts"),
};

const OPTIONS: CommandSpec = {
  name: "options",
  short: "Prints the flags that all commands have",
  group: UTILITIES,
  load: () => import("./commands/options.ts"),
};

const HELP: CommandSpec = {
  name: "help",
  takes: "[command]",
  short: "Prints help for a command",
  group: UTILITIES,
  load: () => import("./commands/options.ts"),
};

const COMPLETION: CommandSpec = {
  name: "completion",
  takes: "[bash|zsh|fish|powershell]",
  short: "Prints a script that completes commands in a shell",
  group: UTILITIES,
  checkArguments: checkShell("etcdctl"),
  load: () => import("./commands/completion.ts"),
};

/** What commands of etcdctl take beside their own flags. */
const MORE_FLAGS: ReadonlyMap<CommandSpec, readonly FlagSpec[]> = new Map([
  [
    GET,
    [
      flag(
        "decode",
        "string",
        "",
        "show values of these kinds as text: auto (all), json, k8s (objects of Kubernetes) or none; unless given, auto on a terminal",
      ),
    ],
  ],
  [WATCH, [toggle("watch-only-changes", "print what is different in values, not all of them")]],
]);

/** All of etcdctl. What it knows of commands is here, what they do is loaded one by one. */
export const ETCDCTL: CommandSpec = {
  name: "etcdctl",
  short: "The command line of a Quorate or etcd cluster.",
  sharedFlags: GLOBAL_FLAGS,
  // In the order in which etcdctl suggests them.
  commands: [
    ...[GET, PUT, DEL, TXN, COMPACTION, ALARM, DEFRAG, ENDPOINT, MOVE_LEADER, WATCH, VERSION, LEASE, MEMBER],
    ...[SNAPSHOT, MAKE_MIRROR, LOCK, ELECT, AUTH, USER, ROLE, CHECK, COMPLETION, DOWNGRADE, OPTIONS, HELP],
  ],
};

/** The same with what only `quorate ctl` has: under etcdctl's name nothing is more than etcdctl's. */
export const QUORATE_CTL: CommandSpec = {
  ...ETCDCTL,
  commands: [...ETCDCTL.commands!.map(withMoreFlags), ...EXPLORING],
  isForPeople: true,
  explain,
};

function withMoreFlags(command: CommandSpec): CommandSpec {
  const more = MORE_FLAGS.get(command);
  return more === undefined ? command : { ...command, flags: [...(command.flags ?? []), ...more] };
}
