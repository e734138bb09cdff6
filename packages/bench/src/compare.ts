/** The rounds of a run: every row on both sides, alternating, while the other side is stopped. */
import type { Side } from "./contenders.ts";
import { buildNative, fill, fillLeases, findGenerators, type Timing } from "./generators.ts";
import type { Measurement } from "./measurement.ts";
import { KEYS, LEASES, type Row, rowName } from "./rows.ts";
import type { RowResult } from "./table.ts";
import { asUser } from "./users.ts";

interface Runs {
  readonly etcd: Measurement[];
  readonly quorate: Measurement[];
  readonly elections: { etcd: number; quorate: number };
}

/** Starts, measures and ends the sides. */
export async function compareRows(
  sides: readonly Side[],
  rows: readonly Row[],
  rounds: number,
  timing: Timing,
  log: (line: string) => void,
) {
  const generators = findGenerators();
  const nativeProgram = buildNative();
  if ("missing" in nativeProgram) throw new Error(`the keys cannot be loaded: ${nativeProgram.missing}`);
  const runnable = rows.filter((row) => "found" in generators.get(row.generator)!);
  for (const [name, generator] of generators) {
    if ("missing" in generator && rows.some((row) => row.generator === name))
      log(`skipped: ${name} rows (${generator.missing})`);
  }
  const runs = new Map<Row, Runs>(
    runnable.map((row) => [row, { etcd: [], quorate: [], elections: { etcd: 0, quorate: 0 } }]),
  );
  try {
    for (const side of sides) {
      const startedInMs = await side.start();
      const target = side.targetOf(FILLING);
      const loaded = await fill(nativeProgram.found, target, KEYS);
      if (rows.some((row) => row.operation === "keepalive")) {
        await fillLeases(nativeProgram.found, target, LEASES);
      }
      log(
        `${side.name}: serving after ${startedInMs.toFixed(0)} ms, ${KEYS} keys in ${loaded.seconds.toFixed(1)} s`,
      );
      side.suspend();
    }
    for (let round = 0; round < rounds; round++) {
      for (const [row, of] of runs) {
        const generator = generators.get(row.generator)!;
        if ("missing" in generator) continue;
        // The order changes from round to round, so that neither is always the one after a pause.
        for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
          await side.resume();
          const target = side.targetOf(row);
          const measure = (token?: string) =>
            generator.found(row, { ...target, token }, { ...timing, seed: timing.seed + round });
          const measured =
            row.operation === "put-as-user"
              ? await asUser(`127.0.0.1:${target.ports[0]}`, measure)
              : await measure();
          of[side.name].push(measured);
          of.elections[side.name] += await side.elections();
          side.suspend();
        }
        log(`round ${round + 1} ${rowName(row)}: ${comparison(row, of.etcd.at(-1)!, of.quorate.at(-1)!)}`);
      }
      for (const side of sides) {
        await side.resume();
        await side.compact();
        side.suspend();
      }
    }
    const memories = Object.fromEntries(sides.map((side) => [side.name, side.memories()]));
    const results: RowResult[] = [...runs].map(([row, of]) => ({ row, ...of }));
    return { results, memories };
  } finally {
    for (const side of sides) await side.end();
  }
}

function comparison({ operation }: Row, etcd: Measurement, ours: Measurement): string {
  if (operation === "idle") return `${etcd.heldKib} and ${ours.heldKib} KiB more`;
  const resumed = operation === "connect-resumed" ? `, ${etcd.resumed} and ${ours.resumed} resumed` : "";
  const ratio = (ours.perSecond / etcd.perSecond).toFixed(2);
  return `${etcd.perSecond.toFixed(0)} and ${ours.perSecond.toFixed(0)}, ${ratio}x${resumed}`;
}

const FILLING: Row = { operation: "put", connections: 10, streams: 100, generator: "native", atLeast: 0 };
