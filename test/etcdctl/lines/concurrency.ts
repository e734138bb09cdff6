import type { Scenario } from "../scenario.ts";

/** Keys end with the lease of whoever made them. */
const LEASE = /\/[0-9a-f]{14,16}|"Lease" : \d+|"key":"[^"]+"|"lease":\d+/g;

export const CONCURRENCY: readonly Scenario[] = [
  {
    name: "lock and elect",
    lines: [
      "lock",
      "lock a true",
      "lock a echo hello",
      { line: "lock a sh", stdin: "" },
      "lock L awk 'BEGIN{exit 3}'",
      "lock L -- sh -c 'exit 7'",
      "lock L nonexistentcmd",
      "lock L ./nonexistentcmd",
      "lock L /etc/passwd",
      { line: "lock L -- sh -c 'echo $ETCD_LOCK_KEY $ETCD_LOCK_REV; echo err >&2'", without: LEASE },
      "lock L -- sh -c 'kill -9 $$'",
      "lock L --ttl x",
      "lock L --ttl 0 true",
      {
        line: "lock held",
        meanwhile: [{ line: "get held/ --prefix --keys-only", without: LEASE }],
        signal: "SIGINT",
        without: LEASE,
      },
      "get held/ --prefix",
      { line: "lock held -w json", meanwhile: [], signal: "SIGTERM", without: LEASE },
      { line: "lock held -w fields", meanwhile: [], signal: "SIGTERM", without: LEASE },
      {
        line: "lock held",
        meanwhile: [{ line: "lock held", meanwhile: [], signal: "SIGINT" }],
        signal: "SIGINT",
        without: LEASE,
      },
      "get held/ --prefix",
      "elect",
      "elect a b c",
      "elect a",
      "elect a b -l",
      {
        line: "elect E p",
        meanwhile: [{ line: "get E/ --prefix", without: LEASE }],
        signal: "SIGINT",
        without: LEASE,
      },
      { line: "elect E p -w fields", meanwhile: [], signal: "SIGINT", without: LEASE },
      "get E/ --prefix",
      {
        line: "elect -l E",
        meanwhile: [{ line: "elect E one", meanwhile: [], signal: "SIGINT", without: LEASE }],
        signal: "SIGINT",
        without: LEASE,
      },
      {
        line: "elect -l E -w json",
        meanwhile: [{ line: "elect E two", meanwhile: [], signal: "SIGINT", without: LEASE }],
        signal: "SIGINT",
        without: LEASE,
      },
      {
        line: "elect E first",
        meanwhile: [{ line: "elect E second", meanwhile: [], signal: "SIGINT" }],
        signal: "SIGINT",
        without: LEASE,
      },
    ],
  },
];
