/**
 * One fault on one fresh cluster under checked load: from the start of the members to the verdict. A run that fails
 * keeps its logs, data and history in a folder that it names.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { SeededRandom } from "@quorate/testkit/random";
import { Cluster } from "./cluster.ts";
import { finish } from "./finish.ts";
import { Load } from "./load/load.ts";
import { sleep } from "./load/session.ts";
import { NamespaceNetwork } from "./network/namespaces.ts";
import type { Network } from "./network/network.ts";
import { ProxyNetwork } from "./network/proxies.ts";

/** Folders of runs that have not come to an end; nobody wants them when the process is told to stop. */
const unfinished = new Set<string>();
process.on("exit", () => {
  for (const dir of unfinished) rmSync(dir, { recursive: true, force: true });
});

export const ELECTION_TIMEOUT_MS = 1_000;
/** See checkLeases. */
const LEASE_TOLERANCE_MS = 2 * ELECTION_TIMEOUT_MS;

/** What a fault has to work with. */
export interface Arena {
  readonly cluster: Cluster;
  readonly load: Load;
  readonly random: SeededRandom;
  /** Repetitions: few in the bounded suite, many in the long one. */
  readonly rounds: (few: number, many: number) => number;
  /** A line for the reader of the test's output. */
  readonly report: (line: string) => void;
  /** Lets the load work for a while; throws as soon as something is wrong. */
  readonly work: (ms: number) => Promise<void>;
}

export interface Fault {
  readonly name: string;
  readonly what: string;
  /** The network it needs; otherwise the best there is. */
  readonly network?: Network["kind"];
  /** Flags of every member. */
  readonly args?: readonly string[];
  /** Mean pause of a client between two operations. Default 8 ms. */
  readonly paceMs?: number;
  run(arena: Arena): Promise<void>;
}

export interface RunOptions {
  readonly command: readonly string[];
  readonly size: number;
  readonly seed: number;
  readonly network: Network["kind"];
  readonly long: boolean;
  readonly report: (line: string) => void;
}

export async function runScenario(fault: Fault, options: RunOptions): Promise<void> {
  const { report } = options;
  const base = process.env.QUORATE_TMP_DIR ?? tmpdir();
  mkdirSync(base, { recursive: true });
  const dir = mkdtempSync(path.join(base, `quorate-cluster-${fault.name}-`));
  unfinished.add(dir);
  const random = new SeededRandom(options.seed);
  const kind = fault.network ?? options.network;
  const network = kind === "namespaces" ? new NamespaceNetwork() : new ProxyNetwork(random);
  const load = new Load({ random, paceMs: fault.paceMs ?? 8 });
  const { journal } = load;
  const cluster = new Cluster({
    command: options.command,
    size: options.size,
    network,
    dir,
    args: fault.args ?? [],
    onUnexpectedExit: (what) => journal.problem(what),
  });
  const throwProblems = (): void => {
    if (journal.problems.length > 0) throw new Error(journal.problems.join("\n"));
  };
  const work = async (ms: number): Promise<void> => {
    for (const endMs = performance.now() + ms; performance.now() < endMs; ) {
      await sleep(Math.min(50, Math.max(0, endMs - performance.now())));
      throwProblems();
    }
  };
  const rounds = (few: number, many: number): number => (options.long ? many : few);
  try {
    await cluster.start();
    for (const member of cluster.members) load.attach(member);
    await work(500);
    await fault.run({ cluster, load, random, rounds, report, work });
    await finish(cluster, load);
    journal.judge(LEASE_TOLERANCE_MS);
    throwProblems();
    report(summary(load));
    await cluster.close();
    if (process.env.QUORATE_KEEP_DIRS === undefined) rmSync(dir, { recursive: true, force: true });
    else await journal.save(path.join(dir, "history.jsonl"));
  } catch (error) {
    await journal.save(path.join(dir, "history.jsonl"));
    const where = `seed ${options.seed}, ${options.size} members, ${kind}; logs, data and history are in ${dir}`;
    const text = `${(error as Error).message}\n${summary(load)}\n${where}`;
    writeFileSync(path.join(dir, "failure.txt"), `${text}\n`);
    throw new Error(text, { cause: error });
  } finally {
    unfinished.delete(dir);
    await cluster.close();
    await load.close();
  }
}

function summary({ journal }: Load): string {
  const errors = [...journal.errors].map(([text, count]) => `${count}x "${text}"`).join(", ");
  return (
    `${journal.operations.length} operations, ${journal.acknowledgedWrites} acknowledged writes, ` +
    `${journal.history.lastRevision} revisions, ${journal.leases.length} leases; ` +
    `errors: ${errors === "" ? "none" : errors}`
  );
}
