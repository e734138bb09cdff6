import type { CommandSpec } from "../../command-line/command.ts";
import { flag, toggle } from "../../command-line/flag-spec.ts";
import { GROUPS } from "../groups.ts";
import { CONSISTENCY } from "./global-flags.ts";

export const GET: CommandSpec = {
  name: "get",
  takes: "[options] <key> [range_end]",
  short: "Reads a key, or the keys of a range",
  group: GROUPS.keys,
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
  load: () => import("../commands/get.ts"),
};

export const PUT: CommandSpec = {
  name: "put",
  takes: "[options] <key> <value> (<value> can also be given from stdin)",
  short: "Stores a value under a key",
  long: `Stores a value under a key. Without a value all of standard input is taken.

A value that begins with a dash stands behind two: etcdctl put <key> -- <value>`,
  group: GROUPS.keys,
  flags: [
    flag("lease", "string", "0", "lease of the key, in hexadecimal"),
    toggle("prev-kv", "print what was there before"),
    toggle("ignore-value", "keep the value that the key has"),
    toggle("ignore-lease", "keep the lease that the key has"),
  ],
  load: () => import("../commands/put.ts"),
};

export const DEL: CommandSpec = {
  name: "del",
  takes: "[options] <key> [range_end]",
  short: "Deletes a key, or the keys of a range",
  group: GROUPS.keys,
  flags: [
    toggle("prefix", "all keys that begin with the key"),
    toggle("prev-kv", "print what was there before"),
    toggle("from-key", "all keys from the key on"),
    toggle("range", "do not wait before a range is deleted"),
  ],
  load: () => import("../commands/del.ts"),
};

export const TXN: CommandSpec = {
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
  group: GROUPS.keys,
  flags: [toggle("interactive", "say which part is expected", "i")],
  load: () => import("../commands/txn.ts"),
};

export const WATCH: CommandSpec = {
  name: "watch",
  takes: "[options] [key or prefix] [range_end] [--] [exec-command arg1 arg2 ...]",
  short: "Prints changes as they happen, or runs a command for each",
  group: GROUPS.keys,
  flags: [
    toggle("interactive", "read what to watch from standard input", "i"),
    toggle("prefix", "all keys that begin with the key"),
    flag("rev", "int64", "0", "from this revision on"),
    toggle("prev-kv", "print what was there before, too"),
    toggle("progress-notify", "say now and then how far it is when nothing happens"),
  ],
  load: () => import("../commands/watch.ts"),
};

export const COMPACTION: CommandSpec = {
  name: "compaction",
  takes: "[options] <revision>",
  short: "Forgets what keys were before a revision",
  group: GROUPS.keys,
  flags: [toggle("physical", "wait until it is gone from the database")],
  load: () => import("../commands/compaction.ts"),
};

export const LEASE: CommandSpec = {
  name: "lease",
  takes: "<subcommand>",
  short: "Leases: see `etcdctl lease --help`",
  long: "Leases: time that keys have",
  group: GROUPS.keys,
  commands: [
    {
      name: "grant",
      takes: "<ttl>",
      short: "Makes a lease of so many seconds",
      load: async () => ({ run: (await import("../commands/lease.ts")).grant }),
    },
    {
      name: "revoke",
      takes: "<leaseID>",
      short: "Ends a lease, and its keys with it",
      load: async () => ({ run: (await import("../commands/lease.ts")).revoke }),
    },
    {
      name: "timetolive",
      takes: "<leaseID> [options]",
      short: "Prints how much time a lease has",
      flags: [toggle("keys", "print its keys, too")],
      load: async () => ({ run: (await import("../commands/lease.ts")).timeToLive }),
    },
    {
      name: "list",
      short: "Prints all leases",
      load: async () => ({ run: (await import("../commands/lease.ts")).list }),
    },
    {
      name: "keep-alive",
      takes: "[options] <leaseID>",
      short: "Gives a lease its whole time again and again",
      flags: [toggle("once", "do it once")],
      load: async () => ({ run: (await import("../commands/lease.ts")).keepAlive }),
    },
  ],
};
