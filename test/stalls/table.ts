import type { Measurement } from "./measurement.ts";

const HEAD = [
  "call",
  "shape",
  "client",
  "put",
  "read",
  "delay",
  "turn",
  "KiB",
  "noise",
  "sync",
  "took",
  "answers",
];

/**
 * All measurements, one a line. In milliseconds: what a put and a read beside waited at most; the longest delay of the
 * loop, and its longest turn; what its thread waited for a processor, an idle process was late, and a sync beside took; how
 * long the calls took. The most work of a turn in KiB, the answers in MiB.
 */
export function tableOf(measurements: readonly Measurement[]): string {
  const rows = measurements.map((each) => {
    const { protocol, pace, times } = each.way;
    const reading = pace === "none" ? "reads nothing" : `reads ${pace === "fast" ? "fast" : "slowly"}`;
    return [
      each.shape.method,
      each.shape.what,
      `${times === 1 ? "" : `${times} x `}${protocol}, ${reading}`,
      whole(each.putMs),
      whole(each.readMs),
      whole(each.delayMs),
      whole(each.turnMs),
      whole(each.turnBytes / 1024),
      whole(each.waitMs),
      whole(each.lateMs),
      whole(each.syncMs),
      whole(each.tookMs),
      (each.bytes / 2 ** 20).toFixed(1),
    ];
  });
  const all = [HEAD, ...rows];
  const widths = HEAD.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  const texts = 3;
  return all
    .map((row) =>
      row
        .map((cell, i) => (i < texts ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function whole(value: number): string {
  return String(Math.round(value));
}
