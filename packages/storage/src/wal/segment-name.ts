import type { LogIndex } from "@quorate/raft";
import { WalError } from "./errors.ts";

/** `<sequence number>-<index of the first entry that may appear in it>.wal`, both as 16 hexadecimal digits. */
export interface SegmentName {
  readonly name: string;
  readonly sequence: number;
  readonly index: LogIndex;
}

export function segmentName(sequence: number, index: LogIndex): string {
  return `${hex16(sequence)}-${hex16(index)}.wal`;
}

export function hex16(value: number): string {
  return value.toString(16).padStart(16, "0");
}

const PATTERN = /^([0-9a-f]{16})-([0-9a-f]{16})\.wal$/;

/** undefined for names that are no segment's, among them numbers beyond 2^53. */
function parseSegmentName(name: string): SegmentName | undefined {
  const match = PATTERN.exec(name);
  if (match === null) return undefined;
  const sequence = Number.parseInt(match[1]!, 16);
  const index = Number.parseInt(match[2]!, 16);
  if (!Number.isSafeInteger(sequence) || !Number.isSafeInteger(index)) return undefined;
  return { name, sequence, index };
}

/** The segments among `names`, in order. Temporary, broken and foreign files are left out. */
export function segmentsAmong(names: readonly string[]): SegmentName[] {
  return names
    .map(parseSegmentName)
    .filter((segment) => segment !== undefined)
    .sort((a, b) => a.sequence - b.sequence);
}

/**
 * The segments needed to read from log index `index` on: the last one that may hold it, and all after it.
 * Throws when there is none, or when one is missing between them.
 */
export function segmentsFrom(
  segments: readonly SegmentName[],
  index: LogIndex,
  directory: string,
): SegmentName[] {
  if (segments.length === 0) throw new WalError("FILE_NOT_FOUND", "wal: file not found", { file: directory });
  const first = segments.findLastIndex((segment) => segment.index <= index);
  if (first < 0) {
    throw new WalError(
      "SNAPSHOT_FILE_NOT_FOUND",
      `wal: file not found which matches the snapshot index '${index}'`,
      { file: directory },
    );
  }
  const needed = segments.slice(first);
  for (let i = 1; i < needed.length; i++) {
    if (needed[i]!.sequence !== needed[i - 1]!.sequence + 1) {
      throw new WalError(
        "SEGMENTS_NOT_CONSECUTIVE",
        `wal: file sequence numbers (starting from ${needed[0]!.sequence}) do not increase continuously`,
        { file: `${directory}/${needed[i]!.name}` },
      );
    }
  }
  return needed;
}
