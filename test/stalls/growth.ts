/** Whether a member holds more at the end than at the beginning. */
import type { Holdings } from "./measured-member.ts";

/** By how much it may: a part of what there was, and something on top. */
const TOLERANCES: { readonly [Name in keyof Holdings]: readonly [part: number, more: number] } = {
  // What the allocators and the engine keep for the next large answer.
  anonymousMiB: [0.25, 192],
  mallocMiB: [0.25, 128],
  committedHeapMiB: [0.25, 128],
  heapMiB: [0.1, 16],
  // Blocks of answers (16 MiB), buffers of the log (8), and the index and the database's tables at the size of the most keys.
  buffersMiB: [0.1, 64],
  descriptors: [0, 8],
  sockets: [0, 4],
  timers: [0, 8],
  promises: [0.2, 200],
  watchStreams: [0, 0],
  watchers: [0, 0],
  proposalsPending: [0, 0],
  databaseMiB: [0.25, 64],
  // Segments that are prepared or not yet removed.
  logMiB: [0.1, 256],
};

export function growthOf(before: Holdings, after: Holdings): string[] {
  return (Object.keys(TOLERANCES) as (keyof Holdings)[]).flatMap((name) => {
    const [part, more] = TOLERANCES[name];
    const most = before[name] * (1 + part) + more;
    return after[name] <= most ? [] : [`${name}: ${text(after[name])} after ${text(before[name])}`];
  });
}

/** One line a kind. */
export function holdingsText(before: Holdings, after: Holdings): string {
  return (Object.keys(TOLERANCES) as (keyof Holdings)[])
    .map((name) => `${name.padEnd(18)}${text(before[name]).padStart(10)}${text(after[name]).padStart(10)}`)
    .join("\n");
}

function text(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
}
