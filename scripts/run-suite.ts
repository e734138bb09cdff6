/**
 * Runs named suites: `node scripts/run-suite.ts NAME... [--target quorate|etcd|COMMAND] [-- ARGUMENTS]`.
 * `all` runs every suite that CI runs. Arguments behind `--` are given to the suite as QUORATE_SUITE_ARGS.
 * `--ci-list` prints what CI runs, in its order: a line each with a name, a tab, and the arguments of this command.
 */
import { spawnSync } from "node:child_process";
import path from "node:path";
import { parseArgs } from "node:util";
import { realEtcd } from "@quorate/testkit/etcd";

const repositoryRoot = path.resolve(import.meta.dirname, "..");

interface Suite {
  readonly file: string;
  readonly what: string;
  /** Needs failpoints or other things a real etcd build does not have. */
  readonly onlyOurs?: boolean;
  /** CI runs it against a real etcd as well, before ours: that is the check of the suite itself. */
  readonly againstEtcdFirst?: boolean;
  /** Takes too long for CI: run by name only, not with `all`. */
  readonly onlyByName?: boolean;
  /** What stands behind `--` when CI runs it: a part that is short enough. */
  readonly ciArguments?: readonly string[];
}

/** In the order in which CI runs them. */
export const SUITES: Readonly<Record<string, Suite>> = {
  etcdctl: {
    file: "test/interop/etcdctl.suite.ts",
    what: "etcdctl 3.7 and Debian's 3.4",
    againstEtcdFirst: true,
  },
  "etcdctl-compared": {
    file: "test/etcdctl/compared.suite.ts",
    what: "our etcdctl beside Go's: output, errors and exit codes of some hundred lines",
    ciArguments: ["--all"],
  },
  "etcdctl-terminal": {
    file: "test/etcdctl/terminal/terminal.suite.ts",
    what: "etcdctl's dialogs and what `quorate ctl` shows to people, on a pseudo-terminal of Python's",
  },
  "etcdctl-clusters": {
    file: "test/etcdctl/clusters.suite.ts",
    what: "etcdctl with clusters of one member and of three, over TLS, for users",
  },
  "etcdutl-compared": {
    file: "test/etcdutl/compared.suite.ts",
    what: "our etcdutl beside Go's: output, errors and exit codes, and the directories that come of it",
    onlyOurs: true,
    ciArguments: ["--all"],
  },
  "go-client": {
    file: "test/interop/go-client.suite.ts",
    what: "Go's clientv3 3.7 and its concurrency package",
    againstEtcdFirst: true,
  },
  "grpc-js": {
    file: "test/interop/grpc-js.suite.ts",
    what: "the protocol as seen by @grpc/grpc-js",
    againstEtcdFirst: true,
  },
  etcd3: { file: "test/interop/etcd3.suite.ts", what: "the npm client etcd3", againstEtcdFirst: true },
  leasing: {
    file: "packages/proxy/src/leasing/leasing.suite.ts",
    what: "gRPC proxies that own keys: ours beside etcd's, and killed, under random load",
    onlyOurs: true,
  },
  metrics: {
    file: "test/metrics/metrics.suite.ts",
    what: "metrics, health and readiness beside a real etcd",
  },
  monitoring: {
    file: "test/metrics/monitoring.suite.ts",
    what: "our alerts and dashboard, evaluated by Prometheus",
    onlyOurs: true,
  },
  "docs-site": {
    file: "test/docs-site/docs-site.suite.ts",
    what: "the documents as a site, which VitePress builds; links that lead nowhere fail it",
    onlyOurs: true,
    onlyByName: true,
  },
  h2spec: { file: "test/programs/h2spec.suite.ts", what: "every case of h2spec", onlyOurs: true },
  "go-grpc": {
    file: "test/programs/go-grpc.suite.ts",
    what: "Go's gRPC client against rpc alone",
    onlyOurs: true,
  },
  alternating: {
    file: "test/interop/alternating.suite.ts",
    what: "etcd and we by turns on one data directory, each killed under load",
    onlyOurs: true,
  },
  discovery: {
    file: "test/interop/discovery.suite.ts",
    what: "our members found by a registry in a real etcd, and etcd's by one in ours",
    onlyOurs: true,
  },
  "etcd-wal": {
    file: "packages/storage/src/wal/interop/etcd-wal.suite.ts",
    what: "logs exchanged with etcd's own WAL code, both ways",
    onlyOurs: true,
  },
  bbolt: {
    file: "packages/bbolt/src/interop/bbolt.suite.ts",
    what: "our database files and Go's bbolt: the same transactions on each other's files",
    onlyOurs: true,
  },
  "bbolt-crash": {
    file: "packages/bbolt/src/interop/bbolt-crash.suite.ts",
    what: "losses of power at any moment of a database's life, opened by us and by Go's bbolt",
    onlyOurs: true,
    ciArguments: ["--images", "5000", "--sample", "50"],
  },
  "bbolt-fuzz": {
    file: "packages/bbolt/src/interop/bbolt-fuzz.suite.ts",
    what: "database files damaged in all ways: told as such, or read as their bytes say",
    onlyOurs: true,
    ciArguments: ["--files", "4000"],
  },
  "bbolt-long": {
    file: "packages/bbolt/src/interop/bbolt-long.suite.ts",
    what: "a few keys overwritten and compacted for long: the size of our file beside bbolt's",
    onlyOurs: true,
    ciArguments: ["--overwrites", "900000"],
  },
  "etcd-database": {
    file: "packages/bbolt/src/interop/etcd-database.suite.ts",
    what: "the database of a real etcd, read, changed and compacted by us, and gone on with by etcd",
    onlyOurs: true,
  },
  "database-files": {
    file: "test/interop/database-files.suite.ts",
    what: "snapshot files exchanged with a real etcd, both ways",
    onlyOurs: true,
  },
  "etcd-peer": {
    file: "test/interop/etcd-peer.suite.ts",
    what: "our links to a real etcd: streams, posts, snapshots",
    onlyOurs: true,
  },
  searches: {
    file: "test/searches/searches.suite.ts",
    what: "the random searches of the unit tests, for longer",
    onlyOurs: true,
  },
  raft: {
    file: "test/programs/raft.suite.ts",
    what: "1,000 simulated seeds, and planted mistakes",
    onlyOurs: true,
  },
  simulation: {
    file: "packages/simulator/src/simulation.suite.ts",
    what: "whole clusters under virtual time; planted mistakes, then new seeds",
    onlyOurs: true,
    ciArguments: ["--seconds", "30"],
  },
  differential: {
    file: "test/differential/differential.suite.ts",
    what: "random operations against a real etcd",
    ciArguments: ["--runs", "3", "--ops", "2500"],
  },
  configuration: {
    file: "test/configuration/configuration.suite.ts",
    what: "command lines, variables and files beside a real etcd: what is refused, and what is started with",
    onlyOurs: true,
  },
  fuzz: {
    file: "test/fuzz/fuzz.suite.ts",
    what: "random and damaged inputs of every kind that a client can send",
    onlyOurs: true,
    ciArguments: ["--inputs", "30000"],
  },
  openapi: {
    file: "test/openapi/openapi.suite.ts",
    what: "schemathesis asks a member for what its /openapi.json says that there is",
    onlyOurs: true,
  },
  hostile: {
    file: "test/hostile/hostile.suite.ts",
    what: "peers who keep a member behind TLS busy, beside whom others are served",
    onlyOurs: true,
  },
  crash: {
    file: "test/crash/kill.suite.ts",
    what: "kill -9 at random moments under load",
    ciArguments: ["--kills", "100"],
  },
  "backend-crash": {
    file: "packages/storage/src/database/crash.suite.ts",
    what: "a database whose process is killed, also while it is replaced, and at every failpoint",
    onlyOurs: true,
  },
  "lossy-disk": {
    file: "test/crash/lossy-disk.suite.ts",
    what: "power cuts: unsynced writes dropped and torn",
    onlyOurs: true,
  },
  corruption: {
    file: "test/crash/corruption.suite.ts",
    what: "flipped bytes in WAL and backend",
    onlyOurs: true,
    ciArguments: ["--flips", "25"],
  },
  failpoints: {
    file: "test/crash/failpoints.suite.ts",
    what: "a panic at every failpoint under load",
    onlyOurs: true,
  },
  stalls: {
    file: "test/stalls/stalls.suite.ts",
    what: "requests that touch much, beside which nobody may wait long",
    onlyOurs: true,
    ciArguments: ["--shapes", "12"],
  },
  "cluster-failpoints": {
    file: "test/crash/cluster-failpoints.suite.ts",
    what: "a panic at every failpoint of a cluster, and a disk that stalls",
    onlyOurs: true,
  },
  cluster: {
    file: "test/cluster/cluster.suite.ts",
    what: "three members: crashes, partitions, replacements under checked load",
  },
  "cluster-long": {
    file: "test/cluster/cluster-long.suite.ts",
    what: "the same for hours, with five members, more seeds and 1 GB",
    onlyByName: true,
  },
  mixed: {
    file: "test/mixed/mixed.suite.ts",
    what: "clusters of our members and etcd's 3.7 and 3.6 under checked load; the guides' commands",
    onlyOurs: true,
  },
  "mixed-long": {
    file: "test/mixed/mixed-long.suite.ts",
    what: "all mixed clusters, with more rounds",
    onlyOurs: true,
    onlyByName: true,
  },
  backup: {
    file: "test/backup/backup.suite.ts",
    what: "backups of three members in an S3 store (gofakes3): a time restored, a leader killed, a store away, damage",
    onlyOurs: true,
  },
  "backup-signed": {
    file: "test/backup/backup-signed.suite.ts",
    what: "the same in a store that checks signatures (versitygw), and wrong keys",
    onlyOurs: true,
  },
  "etcd-robustness": {
    file: "test/robustness/etcd-robustness.suite.ts",
    what: "etcd's own robustness suite: load, failpoints, and its checker",
    ciArguments: ["--seconds", "75"],
  },
  "etcd-common": {
    file: "test/etcd-tests/etcd-common.suite.ts",
    what: "etcd's own tests of clusters of all kinds, through its programs",
    ciArguments: ["--seconds", "45"],
  },
  "etcd-e2e": {
    file: "test/etcd-tests/etcd-e2e.suite.ts",
    what: "etcd's own tests of everything else from outside",
    ciArguments: ["--seconds", "45"],
  },
  "etcd-common-tools": {
    file: "test/etcd-tests/etcd-common-tools.suite.ts",
    what: "the tests of clusters of all kinds through our etcdctl",
    ciArguments: ["--seconds", "20"],
  },
  "etcd-e2e-tools": {
    file: "test/etcd-tests/etcd-e2e-tools.suite.ts",
    what: "etcd's own tests of etcdctl and etcdutl, with ours",
    ciArguments: ["--seconds", "20"],
  },
};

/** The runs of CI by name, each with the arguments of this command. */
export function ciRuns(hasRealEtcd: boolean): [name: string, args: readonly string[]][] {
  const runs: [string, readonly string[]][] = [];
  for (const [name, { againstEtcdFirst, onlyByName, ciArguments }] of Object.entries(SUITES)) {
    if (onlyByName === true) continue;
    if (againstEtcdFirst === true && hasRealEtcd) {
      runs.push([`${name}-against-etcd`, [name, "--target", "etcd"]]);
    }
    runs.push([name, ciArguments === undefined ? [name] : [name, "--", ...ciArguments]]);
  }
  return runs;
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      target: { type: "string" },
      reporter: { type: "string", default: "spec" },
      "ci-list": { type: "boolean" },
      help: { type: "boolean" },
    },
    args: process.argv.slice(2).filter((_, i, all) => !all.includes("--") || i < all.indexOf("--")),
  });
  if (values["ci-list"] === true) {
    for (const [name, args] of ciRuns("found" in realEtcd())) console.log(`${name}\t${args.join(" ")}`);
    process.exit(0);
  }
  const rest = process.argv.includes("--") ? process.argv.slice(process.argv.indexOf("--") + 1) : [];
  const names = positionals.flatMap((name) =>
    name === "all" ? Object.keys(SUITES).filter((each) => SUITES[each]!.onlyByName !== true) : [name],
  );
  const unknown = names.filter((name) => SUITES[name] === undefined);
  if (values.help === true || names.length === 0 || unknown.length > 0) {
    if (unknown.length > 0) console.error(`unknown suite: ${unknown.join(", ")}`);
    console.error(
      "usage: node scripts/run-suite.ts NAME... [--target quorate|etcd|COMMAND] [-- ARGUMENTS]\n",
    );
    for (const [name, suite] of Object.entries(SUITES)) console.error(`  ${name.padEnd(24)}${suite.what}`);
    process.exit(values.help === true ? 0 : 2);
  }
  const env: NodeJS.ProcessEnv = { ...process.env, QUORATE_SUITE_ARGS: JSON.stringify(rest) };
  if (values.target !== undefined) env.QUORATE_TARGET = values.target;
  let failed = false;
  for (const name of names) {
    const suite = SUITES[name]!;
    const run = spawnSync(
      process.execPath,
      [
        "--disable-warning=ExperimentalWarning",
        "--test",
        `--test-reporter=${values.reporter}`,
        path.join(repositoryRoot, suite.file),
      ],
      { cwd: repositoryRoot, env: { ...env, QUORATE_SUITE: name }, stdio: "inherit" },
    );
    if (run.status !== 0) failed = true;
  }
  process.exit(failed ? 1 : 0);
}
