import type { Line, Scenario } from "../scenario.ts";

const CHANGES = ["put w1 a", "put w1 'b\"c'", "del w1", "put w2 z"];

/** From the first revision on, so that it makes no difference when it is there. */
function watch(flags: string, until: RegExp, env: Line["env"] = {}): Line {
  return { line: `watch ${flags}`, stays: { until, signal: "SIGKILL" }, env };
}

export const WATCH: readonly Scenario[] = [
  {
    name: "watch",
    lines: [
      ...CHANGES,
      watch("w --prefix --rev 2", /w2\nz\n/),
      watch("w --prefix --rev 2 --prev-kv", /w2\nz\n/),
      watch("w1 --rev 2 -w json", /"type":1.*\n/),
      watch("w --prefix --rev 2 --prev-kv -w json", /dzI=.*\n/),
      watch("w --prefix --rev 2 --prev-kv -w fields", /"w2"[\s\S]*Lease.*\n/),
      watch("w --prefix --rev 2 -w protobuf", /w2/),
      watch("w --prefix --rev 2 --hex", /x32\n\\x7a\n/),
      watch("w1 w2 --rev 2", /DELETE\nw1\n\n/),
      "watch w1 --rev 4 -w table",
      watch(
        "w1 --rev 2 -- sh -c 'echo $ETCD_WATCH_REVISION $ETCD_WATCH_EVENT_TYPE $ETCD_WATCH_KEY $ETCD_WATCH_VALUE'",
        /"DELETE" "w1" ""\n/,
      ),
      watch("w2 --rev 5 -- echo --rev 1", /--rev 1\n/),
      "put echo x",
      watch("echo --rev 1 -- echo hi", /hi\n/),
      "watch w1 --rev 2 -- false",
      "watch w1 --rev 2 -- sh -c 'exit 7'",
      "watch w1 --rev 2 -- nonexistentcommand",
      "watch",
      "watch --rev 1",
      "watch --rev 1 -- echo hi",
      "watch foo --",
      "watch a b --prefix",
      "watch --bogus",
      "watch a --rev x",
      "watch w1 -w yaml",
      { line: "watch", env: { ETCDCTL_WATCH_RANGE_END: "x" } },
      { line: "watch foo", env: { ETCDCTL_WATCH_KEY: "foo" } },
      { line: "watch foo -- echo 1", env: { ETCDCTL_WATCH_KEY: "foo" } },
      watch("--rev 5", /w2\nz\n/, { ETCDCTL_WATCH_KEY: "w2" }),
      watch("--rev 2", /DELETE\nw1\n\n/, { ETCDCTL_WATCH_KEY: "w1", ETCDCTL_WATCH_RANGE_END: "w2" }),
      watch("--rev 5 -- echo hi", /hi\n/, { ETCDCTL_WATCH_KEY: "w2" }),
      { line: "watch -i", stdin: "" },
      { line: "watch -i", stdin: "foo bar\n\n   \nwatch\nprogress\n" },
      { line: "watch -i", stdin: "watch foo --\n" },
      { line: "watch -i", stdin: "watch foo --bogus\n" },
      { line: "watch -i", stdin: "watch a b --prefix\nwatch --rev 1\n" },
      { line: "watch -i", stdin: "watch --rev 1\n" },
      { line: "watch -i", stdin: "watch a --prefix\nwatch a b --prefix\nprogres\n" },
      { line: "watch -i", stdin: 'watch "a\n' },
      "compact 5",
      "watch w1 --rev 2",
      "watch w1 --rev 2 -w json",
      "watch w1 --rev 2 -w fields",
      "watch w1 --rev 2 -w protobuf",
      "watch w1 --rev 2 -w table",
    ],
  },
];
