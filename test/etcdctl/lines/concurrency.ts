import type { Scenario, Sign } from "../scenario.ts";

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
        stays: {
          ready: /held/,
          meanwhile: [{ line: "get held/ --prefix --keys-only", without: LEASE }],
          until: /held\/.*\n/,
          signal: "SIGINT",
        },
        without: LEASE,
      },
      "get held/ --prefix",
      { line: "lock held -w json", stays: { until: /\n/, signal: "SIGTERM" }, without: LEASE },
      { line: "lock held -w fields", stays: { until: /"Count".*\n/, signal: "SIGTERM" }, without: LEASE },
      {
        line: "lock held",
        stays: {
          ready: /held/,
          meanwhile: [{ line: "lock held", stays: { until: keys("held/", 2), signal: "SIGINT" } }],
          until: keys("held/", 1),
          signal: "SIGINT",
        },
        without: LEASE,
      },
      "get held/ --prefix",
      "elect",
      "elect a b c",
      "elect a",
      "elect a b -l",
      {
        line: "elect E p",
        stays: {
          ready: /p\n/,
          meanwhile: [{ line: "get E/ --prefix", without: LEASE }],
          until: /p\n/,
          signal: "SIGINT",
        },
        without: LEASE,
      },
      { line: "elect E p -w fields", stays: { until: /"Count".*\n/, signal: "SIGINT" }, without: LEASE },
      "get E/ --prefix",
      {
        line: "elect E one",
        stays: {
          ready: /one\n/,
          meanwhile: [{ line: "elect -l E", stays: { until: /one\n/, signal: "SIGINT" }, without: LEASE }],
          until: /one\n/,
          signal: "SIGINT",
        },
        without: LEASE,
      },
      {
        line: "elect E two",
        stays: {
          ready: /two\n/,
          meanwhile: [
            { line: "elect -l E -w json", stays: { until: /\n/, signal: "SIGINT" }, without: LEASE },
            {
              line: "elect -l E -w fields",
              stays: { until: /"Count".*\n/, signal: "SIGINT" },
              without: LEASE,
            },
          ],
          until: /two\n/,
          signal: "SIGINT",
        },
        without: LEASE,
      },
      {
        line: "elect E first",
        stays: {
          ready: /first\n/,
          meanwhile: [{ line: "elect E second", stays: { until: keys("E/", 2), signal: "SIGINT" } }],
          until: /first\n/,
          signal: "SIGINT",
        },
        without: LEASE,
      },
    ],
  },
];

/** Who waits says nothing: its key is there beside those of others. */
function keys(prefix: string, count: number): Sign {
  return {
    line: `get ${prefix} --prefix --count-only -w fields`,
    matches: new RegExp(`"Count" : ${count}\n`),
  };
}
