import type { Mistake } from "./mistakes.ts";

/** Command lines, variables and files that are right: a member starts and tells its settings, and both are to tell the same. */
export const STARTS: readonly Pick<Mistake, "args" | "env" | "file">[] = [
  { args: ["-max-txn-ops=0x10", "--name", "a", "--name=b", "--pre-vote=false", "--snapshot=5", "--v"] },
  { args: ["--snapshot-count=1_000", "--max-wals=0b11", "--max-snapshots", "017"] },
  { args: ["--election-timeout=1500", "--heartbeat-interval=250"] },
  { args: ["--quota-backend-bytes=-1", "--max-request-bytes=1000", "--max-learners=3"] },
  { args: ["--cors=http://b:1,http://a:1", "--host-whitelist=b,a,b"] },
  { args: ["--corrupt-check-time=90s", "--compact-hash-check-time=1h", "--downgrade-check-time=0"] },
  { args: ["--feature-gates=InitialCorruptCheck=true", "--feature-gates=CompactHashCheck=1"] },
  { args: ["--auto-compaction-retention=8"] },
  { args: ["--auto-compaction-retention=90m"] },
  { args: ["--auto-compaction-mode=revision", "--auto-compaction-retention=1000"] },
  { args: ["--v2-deprecation=gone", "--initial-cluster-token=t"] },
  { args: ["--name=m", "--initial-advertise-peer-urls=http://127.0.0.1:1"] },
  { env: { ETCD_NAME: "m1", ETCD_SNAPSHOT_CATCHUP_ENTRIES: "7", ETCD_MAX_WALS: "" } },
  { env: { ETCD_BOGUS: "x", ETCD_VERSION: "1" }, args: ["--listen-metrics-urls=http://127.0.0.1:0"] },
  {
    file:
      "name: m1\nmax-wals: 2\nMax-Snapshots: 7\nunknown: 1\ninitial-election-tick-advance: off\n" +
      "auto-compaction-mode: periodic\nauto-compaction-retention: 5m\n",
  },
  { file: '{"name": "m1", "cors": "http://a:1", "corrupt-check-time": 60000000000, "feature-gates": ""}' },
  { file: "name: m1\nlog-outputs: [stderr]\nlog-level: debug\nhost-whitelist: b,a\n" },
];
