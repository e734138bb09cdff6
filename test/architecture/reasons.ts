/** Files with which something begins, and how, besides those that packages export. */
export const STARTED: Readonly<Record<string, string>> = {
  "packages/simulator/src/main.ts": "the simulator's command",
  "packages/simulator/src/explain/page/main.ts": "render-page.ts bundles it for browsers",
  "packages/bench/src/backend/backend-bench.ts": "a benchmark, run by hand",
  "packages/bench/src/bbolt/bbolt-bench.ts": "a benchmark, run by hand",
  "packages/bench/src/ctl/start-bench.ts": "a benchmark, run by hand",
  "packages/bench/src/mvcc/index-bench.ts": "a benchmark, run by hand",
  "packages/bench/src/mvcc/store-bench.ts": "a benchmark, run by hand",
  "packages/bench/src/own-client-load.ts": "a benchmark, run by hand",
  "packages/bench/src/raft/raft-bench.ts": "a benchmark, run by hand",
  "packages/bench/src/rpc/echo-server.ts": "a benchmark, run by hand",
  "packages/bench/src/rpc/state-machine.ts": "a benchmark, run by hand",
  "packages/bench/src/wal/recovery-bench.ts": "a benchmark, run by hand",
  "packages/bbolt/src/examples/stock.ts": "an example, which its test runs",
  "packages/raft/src/examples/counter.ts": "an example, which its test runs",
};

const VOCABULARY = "the words of raft's data-driven files, which tests read and write";

/** What only tests import of files that run in production, and why it is there. This list only becomes shorter. */
export const ONLY_FOR_TESTS: Readonly<Record<string, string>> = {
  "packages/bbolt/src/examples/stock.ts: keepStock": "an example, which its test runs",
  "packages/raft/src/examples/counter.ts: countTogether": "an example, which its test runs",
  "packages/raft/src/format/describe.ts: confChangesFromString": VOCABULARY,
  "packages/raft/src/format/names.ts: messageTypeOf": VOCABULARY,
  "packages/raft/src/quorum/describe.ts: describeAckedIndexes": VOCABULARY,
  "packages/raft/src/quorum/describe.ts: describeIndex": VOCABULARY,
  "packages/raft/src/quorum/vote-result.ts: VOTE_RESULT_NAMES": VOCABULARY,
  "packages/raft/src/tracker/progress.ts: describeProgressMap": VOCABULARY,
  "packages/server/src/client-port/gateway/routes.ts: routedMethods":
    "tests go through all that is served as JSON",
  "packages/server/src/mvcc/txn/execute.ts: executeTxn":
    "a transaction in one go: production applies it in steps",
};
