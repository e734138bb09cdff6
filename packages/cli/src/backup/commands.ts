import type { CommandSpec } from "../command-line/command.ts";
import { type FlagSpec, flag } from "../command-line/flag-spec.ts";
import { GLOBAL_FLAGS } from "../ctl/tables/global-flags.ts";
import { BUMP, NEW_MEMBER } from "../utl/new-member-flags.ts";

const STORE: readonly FlagSpec[] = [
  flag("store", "string", "", "where backups are: a directory, or s3://BUCKET[/PREFIX]"),
  flag(
    "key-file",
    "string",
    "",
    "file of the key that they are encrypted with (32 bytes, base64, hexadecimal or raw)",
  ),
  flag("s3-endpoint", "string", "", "URL of an S3-compatible store (default: that of AWS)"),
  flag("s3-region", "string", "", "its region (default: $AWS_REGION, or us-east-1)"),
];
const CLUSTER_ID = flag(
  "cluster-id",
  "string",
  "",
  "ID of the cluster, in hexadecimal, where a store has several",
);
const FORMAT = flag("write-out", "string", "simple", "output format (json, simple)", "w");
const WORK_DIR = flag(
  "work-dir",
  "string",
  "",
  "directory for snapshots on their way (default: the system's)",
);
const RETENTION: readonly FlagSpec[] = [
  flag("keep-snapshots", "uint", "24", "how many of the newest snapshots are kept, however old"),
  flag("keep-for", "duration", "168h", "how long all others are kept"),
];

const RUN: CommandSpec = {
  name: "run",
  short: "Makes backups until it is stopped",
  flags: [
    ...STORE,
    ...RETENTION,
    WORK_DIR,
    flag("snapshot-interval", "duration", "1h", "how often a snapshot is taken"),
    flag("flush-interval", "duration", "1s", "how long a change may wait for its archive, at most 2s"),
    flag("segment-bytes", "uint", "4194304", "size at which a segment of the archive is closed"),
    flag("segment-interval", "duration", "1m", "age at which it is"),
    flag("buffer-bytes", "uint", "67108864", "how much waits in memory for a store that is away"),
    flag("listen-metrics-urls", "strings", "", "where metrics are told, such as http://127.0.0.1:2480"),
    flag("log-format", "string", "json", "json, or console: lines for people"),
  ],
  requiredFlags: ["store"],
  load: () => import("./run.ts"),
};

const LIST: CommandSpec = {
  name: "list",
  short: "Shows what is kept, and how far it goes",
  flags: [...STORE, FORMAT],
  requiredFlags: ["store"],
  load: () => import("./list.ts"),
};

const VERIFY: CommandSpec = {
  name: "verify",
  short: "Reads everything that is kept, and looks whether it can be restored",
  flags: [...STORE, CLUSTER_ID, WORK_DIR],
  requiredFlags: ["store"],
  load: () => import("./verify.ts"),
};

const PRUNE: CommandSpec = {
  name: "prune",
  short: "Removes what is not to be kept any more",
  flags: [...STORE, CLUSTER_ID, ...RETENTION],
  requiredFlags: ["store"],
  load: () => import("./prune.ts"),
};

/** Of all commands but `run`, which is the only one that speaks to a cluster. */
export const BACKUP: CommandSpec = {
  name: "quorate backup",
  short: "Keeps verified snapshots of a cluster, and an archive of all changes between them.",
  explainsSharedFlags: true,
  isForPeople: true,
  commands: [RUN, LIST, VERIFY, PRUNE],
};

/** The same with what is said of a cluster; etcdctl's variables of the environment (`ETCDCTL_…`) say it as well. */
export const BACKUP_OF_CLUSTER: CommandSpec = {
  ...BACKUP,
  sharedFlags: GLOBAL_FLAGS,
};

export const RESTORE: CommandSpec = {
  name: "quorate restore",
  short: "Makes a data directory of a backup, for a member of a new cluster.",
  explainsSharedFlags: true,
  isForPeople: true,
  flags: [
    ...STORE,
    CLUSTER_ID,
    flag(
      "chain",
      "string",
      "",
      "name of the chain, where the newest that has it is not the one that is meant",
    ),
    flag("to-revision", "int64", "0", "the state of this revision (default: the newest that there is)"),
    flag("to-time", "string", "", "what had been seen by this time, such as 2026-11-30T18:00:00Z"),
    ...NEW_MEMBER,
    ...BUMP,
  ],
  checkArguments: (args) => (args.length === 0 ? undefined : `accepts no arguments, received ${args.length}`),
  requiredFlags: ["store"],
  load: () => import("./restore.ts"),
};
