import { type FlagSection, flag } from "./flag-definition.ts";

/** Flags that etcd does not have. All but the scrub are off by default, and none changes anything for etcd's clients. */
export const OWN_SECTION: FlagSection = {
  title: "Beyond etcd",
  flags: [
    flag(
      "administrative-roles",
      "bool",
      "false",
      "Let who has a role quorate:DUTY do what only root may: compaction, snapshots, members or leases.",
    ),
    flag(
      "access-questions",
      "bool",
      "false",
      "Answer whether a user would be allowed to make a request (quorate.v1.Access).",
    ),
    flag("log-denials", "bool", "false", "Log and count requests that are denied."),
    flag("audit-log", "string", "", "File to write a line of JSON to for each request."),
    flag("audit-log-keys", "string", "hash", "How the audit log names keys: hash or plain.", {
      choices: ["hash", "plain"],
    }),
    flag(
      "audit-log-flush-interval",
      "duration",
      "100ms",
      "Longest time before a line of the audit log is handed to the system.",
    ),
    flag(
      "audit-log-max-megabytes",
      "uint",
      "100",
      "Size from which on an audit log is put aside and a new one begun (0 is never).",
    ),
    flag("audit-log-max-files", "uint", "10", "Audit logs to keep that were put aside."),
    flag(
      "quota-alarm-auto-disarm",
      "bool",
      "false",
      "Disarm this member's own NOSPACE alarm when less than 90 % of its space quota are in use again.",
    ),
    flag(
      "auto-defragment-interval",
      "duration",
      "0",
      "Time after which the leader has all members defragment their databases, one after another (0 is never).",
    ),
    flag(
      "auto-defragment-free-percent",
      "uint",
      "50",
      "Part of a database's file that must be free for such a defragmentation.",
    ),
    flag(
      "backend-scrub-megabytes-per-second",
      "uint",
      "1",
      "How fast the database's file is read again in the background, to find damaged pages (0 is never, 100 at most).",
    ),
    flag(
      "max-concurrent-large-reads",
      "uint",
      "0",
      "Ranges too long for one turn of the event loop that are read at the same time; others wait, clients in rotation (0 is any number; 4 with --max-large-answer-megabytes).",
    ),
    flag(
      "max-large-answer-megabytes",
      "uint",
      "0",
      "Memory of the answers to such ranges that are not sent yet, of all clients together, beyond which none begins (0 is any).",
    ),
    flag(
      "client-requests-per-second",
      "uint",
      "0",
      "Reads, writes and watches that a user, or a client address without one, may begin a second at this member (0 is any number).",
    ),
    flag(
      "client-bytes-per-second",
      "uint",
      "0",
      "Bytes of such requests that they may send a second to this member (0 is any number).",
    ),
    flag(
      "client-limit-burst",
      "duration",
      "2s",
      "What may be had in so long may be had at once by who has not asked for as long.",
    ),
    flag(
      "client-limit-dry-run",
      "bool",
      "false",
      "Count what these limits would refuse, and refuse nothing.",
    ),
  ],
};
