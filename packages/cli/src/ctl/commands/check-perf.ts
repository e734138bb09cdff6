import { type Client, withPrefix } from "@quorate/client";
import type { Invocation } from "../../command-line/command.ts";
import { Exit, ExitCode } from "../../command-line/exit.ts";
import type { Output } from "../../command-line/output.ts";
import { present } from "../session/answers.ts";
import { progressOf } from "../terminal/progress.ts";
import {
  compactTo,
  defragmentAll,
  loadNamed,
  makeClients,
  randomKey,
  refuseKeysUnder,
  Tally,
} from "./check-load.ts";

/** `putsPerSecond` is what is asked for, and nearly what has to be reached. */
const LOADS = {
  s: { putsPerSecond: 150, clients: 50 },
  m: { putsPerSecond: 1_000, clients: 200 },
  l: { putsPerSecond: 8_000, clients: 500 },
  xl: { putsPerSecond: 15_000, clients: 1_000 },
};
const SECONDS = 60;
const KEY_BYTES = 256;
const VALUE_BYTES = 1_024;
const LEAST_SHARE = 0.9;
const SLOWEST_SECONDS = 0.5;
const LARGEST_DEVIATION_SECONDS = 0.1;
const CLEAN_UP_TIMEOUT_MS = 30_000;

export async function run(invocation: Invocation): Promise<void> {
  const { flags, output } = invocation;
  const load = loadNamed(LOADS, flags.text("load"));
  const prefix = flags.text("prefix");
  const { clients, settings } = await makeClients(invocation, load.clients);
  const [first] = clients;
  await refuseKeysUnder(first!, prefix, `'etcdctl del --prefix ${prefix}'`);
  const interrupted = new AbortController();
  process.once("SIGINT", () => interrupted.abort());
  const progress = progressOf(invocation, { what: "check", unit: "puts" });
  const tally = new Tally((done) => progress.reach(done, load.putsPerSecond * SECONDS));
  const begunMs = performance.now();
  await putAtRate(clients, prefix, load.putsPerSecond, tally, interrupted.signal);
  const seconds = (performance.now() - begunMs) / 1_000;
  progress.end();
  await cleanUp(first!, prefix, flags.on("auto-compact"), output);
  if (flags.on("auto-defrag")) await defragmentAll(settings, output);
  if (!isGoodEnough(tally, tally.succeeded / seconds, load.putsPerSecond, output)) {
    output.line("FAIL");
    throw new Exit(ExitCode.ERROR);
  }
  output.line("PASS");
}

/** Each client has one request under way at most: when none is free, the next request waits. */
async function putAtRate(
  clients: readonly Client[],
  prefix: string,
  putsPerSecond: number,
  tally: Tally,
  signal: AbortSignal,
): Promise<void> {
  const value = Buffer.alloc(VALUE_BYTES);
  const begunMs = performance.now();
  const endMs = begunMs + SECONDS * 1_000;
  let begun = 0;
  const work = async (client: Client): Promise<void> => {
    for (;;) {
      const atMs = begunMs + (begun++ * 1_000) / putsPerSecond;
      if (atMs >= endMs || signal.aborted) return;
      const waitMs = atMs - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      if (performance.now() >= endMs || signal.aborted) return;
      await tally.count(() =>
        client.kv.put({ key: randomKey(prefix, KEY_BYTES), value }, { timeoutMs: Number.POSITIVE_INFINITY }),
      );
    }
  };
  await Promise.all(clients.map(work));
}

async function cleanUp(client: Client, prefix: string, compact: boolean, output: Output): Promise<void> {
  try {
    const { header } = await client.kv.deleteRange(withPrefix(prefix), { timeoutMs: CLEAN_UP_TIMEOUT_MS });
    if (compact) await compactTo(client, present(header, "header").revision, output);
  } catch (error) {
    if (error instanceof Exit) throw error;
    output.line(`FAIL: Cleanup failed during key deletion: ERROR(${(error as Error).message})`);
  }
}

function isGoodEnough(tally: Tally, rate: number, wanted: number, output: Output): boolean {
  let good = tally.errors.size === 0;
  const say = (passed: boolean, pass: string, fail: string) => {
    output.line(passed ? `PASS: ${pass}` : fail);
    good &&= passed;
  };
  tally.printErrors(output);
  const shown = `${Math.floor(rate) + 1} writes/s`;
  say(rate / wanted > LEAST_SHARE, `Throughput is ${shown}`, `FAIL: Throughput too low: ${shown}`);
  const slowest = tally.slowestSeconds;
  say(
    slowest <= SLOWEST_SECONDS,
    `Slowest request took ${slowest.toFixed(6)}s`,
    `Slowest request took too long: ${slowest.toFixed(6)}s`,
  );
  const deviation = tally.standardDeviationSeconds;
  say(
    deviation <= LARGEST_DEVIATION_SECONDS,
    `Stddev is ${deviation.toFixed(6)}s`,
    `Stddev too high: ${deviation.toFixed(6)}s`,
  );
  return good;
}
