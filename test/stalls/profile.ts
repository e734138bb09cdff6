/** Where the time of a process goes while its loop does not turn. */
import { writeFileSync } from "node:fs";
import type { Inspector } from "./inspector.ts";

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  /** Microseconds since the sample before. */
  readonly timeDeltas: readonly number[];
}

const SAMPLE_US = 250;
const IDLE = "(idle)";
const SHOWN = 14;

/** Runs `work` with the profiler, and writes what it saw to `file`, a `.cpuprofile`. */
export async function profiled(
  inspector: Inspector,
  file: string,
  work: () => Promise<void>,
): Promise<string> {
  await inspector.send("Profiler.enable");
  await inspector.send("Profiler.setSamplingInterval", { interval: SAMPLE_US });
  await inspector.send("Profiler.start");
  await work();
  const { profile } = (await inspector.send("Profiler.stop")) as { profile: Profile };
  await inspector.send("Profiler.disable");
  writeFileSync(file, JSON.stringify(profile));
  return busiest(profile);
}

/** The functions that were on the stack in the longest time without rest, with their milliseconds. */
export function busiest({ nodes, samples, timeDeltas }: Profile): string {
  const parents = new Map<number, ProfileNode>();
  for (const node of nodes) for (const child of node.children ?? []) parents.set(child, node);
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const isIdle = (sample: number): boolean => byId.get(sample)!.callFrame.functionName === IDLE;

  let longestUs = 0;
  let longest: readonly [number, number] = [0, 0];
  for (let from = 0; from < samples.length; from++) {
    let us = 0;
    let to = from;
    for (; to < samples.length && !isIdle(samples[to]!); to++) us += timeDeltas[to]!;
    if (us > longestUs) [longestUs, longest] = [us, [from, to]];
    from = to;
  }
  const times = new Map<string, number>();
  for (let i = longest[0]; i < longest[1]; i++) {
    const names = new Set<string>();
    let node = byId.get(samples[i]!);
    for (; node !== undefined; node = parents.get(node.id)) names.add(nameOf(node));
    for (const name of names) times.set(name, (times.get(name) ?? 0) + timeDeltas[i]!);
  }
  const most = [...times].sort(([, a], [, b]) => b - a).slice(0, SHOWN);
  return most.map(([name, us]) => `${(us / 1_000).toFixed(1).padStart(8)} ms  ${name}`).join("\n");
}

function nameOf({ callFrame: { functionName, url, lineNumber } }: ProfileNode): string {
  return `${functionName === "" ? "(anonymous)" : functionName} ${url.split("/").at(-1)}:${lineNumber + 1}`;
}
