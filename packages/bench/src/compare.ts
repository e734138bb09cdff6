/** The rounds of a run: every row on both sides, alternating, while the other side is stopped. */
import type { Side } from "./contenders.ts";
import { buildNative, fill, fillLeases, findGenerators, type Timing } from "./generators.ts";
import type { Measurement } from "./measurement.ts";
import { KEYS, LEASES, type Row, rowName } from "./rows.ts";
import type { RowResult } from "./table.ts";
import { asUser } from "./users.ts";

type Runs = Map<
  Row,
  {
    readonly etcd: Measurement[];
    readonly quorate: Measurement[];
    readonly elections: { etcd: number; quorate: number };
  }
>;

/** How often everything is measured. */
export interface Repetition {
  /** With the same processes. */
  readonly rounds: number;
  /** How many times the sides are started. */
  readonly processes: number;
  readonly timing: Timing;
}

/** Starts, measures and ends the sides, as often as it is asked to. The memories are those of the last ones. */
export async function compareRows(
  start: () => Promise<readonly Side[]>,
  rows: readonly Row[],
  { rounds, processes, timing }: Repetition,
  log: (line: string) => void,
) {
  const generators = findGenerators();
  const runnable = rows.filter((row) => "found" in generators.get(row.generator)!);
  for (const [name, generator] of generators) {
    if ("missing" in generator && rows.some((row) => row.generator === name))
      log(`skipped: ${name} rows (${generator.missing})`);
  }
  const runs: Runs = new Map(
    runnable.map((row) => [row, { etcd: [], quorate: [], elections: { etcd: 0, quorate: 0 } }]),
  );
  let memories: Record<string, unknown> = {};
  for (let process = 0; process < processes; process++) {
    const sides = await start();
    try {
      await fillSides(sides, rows, log);
      for (let round = 0; round < rounds; round++) {
        const nth = process * rounds + round;
        await measureRound(sides, runs, generators, { ...timing, seed: timing.seed + nth }, nth, log);
      }
      memories = Object.fromEntries(sides.map((side) => [side.name, side.memories()]));
    } finally {
      for (const side of sides) await side.end();
    }
  }
  const results: RowResult[] = [...runs].map(([row, of]) => ({ row, ...of }));
  return { results, memories };
}

/** Starts the sides and puts what the rows need. */
async function fillSides(
  sides: readonly Side[],
  rows: readonly Row[],
  log: (line: string) => void,
): Promise<void> {
  const program = buildNative();
  if ("missing" in program) throw new Error(`the keys cannot be loaded: ${program.missing}`);
  for (const side of sides) {
    const startedInMs = await side.start();
    const target = side.targetOf(FILLING);
    const loaded = await fill(program.found, target, KEYS);
    if (rows.some((row) => row.operation === "keepalive")) await fillLeases(program.found, target, LEASES);
    const seconds = loaded.seconds.toFixed(1);
    log(`${side.name}: serving after ${startedInMs.toFixed(0)} ms, ${KEYS} keys in ${seconds} s`);
    side.suspend();
  }
}

async function measureRound(
  sides: readonly Side[],
  runs: Runs,
  generators: ReturnType<typeof findGenerators>,
  timing: Timing,
  nth: number,
  log: (line: string) => void,
): Promise<void> {
  for (const [row, of] of runs) {
    const generator = generators.get(row.generator)!;
    if ("missing" in generator) continue;
    // The order changes from round to round, so that neither is always the one after a pause.
    for (const side of nth % 2 === 0 ? sides : sides.toReversed()) {
      await side.resume();
      const target = side.targetOf(row);
      const measure = (token?: string) => generator.found(row, { ...target, token }, timing);
      const isAsUser = row.operation === "put-as-user";
      const measured = isAsUser ? await asUser(`127.0.0.1:${target.ports[0]}`, measure) : await measure();
      of[side.name].push(measured);
      of.elections[side.name] += await side.elections();
      side.suspend();
    }
    log(`round ${nth + 1} ${rowName(row)}: ${comparison(row, of.etcd.at(-1)!, of.quorate.at(-1)!)}`);
  }
  for (const side of sides) {
    await side.resume();
    await side.compact();
    side.suspend();
  }
}

function comparison({ operation }: Row, etcd: Measurement, ours: Measurement): string {
  if (operation === "idle") return `${etcd.heldKib} and ${ours.heldKib} KiB more`;
  const resumed = operation === "connect-resumed" ? `, ${etcd.resumed} and ${ours.resumed} resumed` : "";
  const ratio = (ours.perSecond / etcd.perSecond).toFixed(2);
  return `${etcd.perSecond.toFixed(0)} and ${ours.perSecond.toFixed(0)}, ${ratio}x${resumed}`;
}

const FILLING: Row = { operation: "put", connections: 10, streams: 100, generator: "native", atLeast: 0 };
