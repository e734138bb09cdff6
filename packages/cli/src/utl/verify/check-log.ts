import type { Disk } from "@quorate/storage/seams/disk";
import { listSegments, readWal } from "@quorate/storage/wal/recovery";
import { SegmentSurvey } from "@quorate/storage/wal/segment-survey";
import { findStart } from "@quorate/storage/wal/snapshot-records";
import type { HardState, WalSnapshot } from "@quorate/storage/wal/types";
import { failureText } from "../failure-text.ts";
import type { Faults } from "./faults.ts";

export interface LogSummary {
  readonly segments: number;
  readonly nodeId: bigint;
  /** Where a start begins. */
  readonly snapshot: WalSnapshot;
  readonly hardState: HardState;
  /** Of the last entry, or of the snapshot when there is none behind it. */
  readonly lastIndex: number;
  /** Terms of the entries behind the snapshot, and its own. */
  termOf(index: number): number | undefined;
  /** Whether the last write did not reach the disk whole, as a crash may leave it: the next start repairs that. */
  readonly isTorn: boolean;
}

/** Reads all segments of a log, each to its end. What is wrong goes into `faults`; undefined when no start is possible. */
export async function checkLog(
  disk: Disk,
  directory: string,
  faults: Faults,
): Promise<LogSummary | undefined> {
  try {
    const segments = await listSegments(disk, directory);
    let crc = 0;
    for (const { name } of segments) {
      const survey = await SegmentSurvey.read(disk, directory, name, name === segments.at(-1)!.name);
      if (!survey.isRegular) faults.add(`log: ${name} has records that do not belong there`);
      if (crc !== 0 && survey.firstCrc !== crc)
        faults.add(`log: ${name} does not follow the segment before it`);
      crc = survey.end.crc;
    }
    const { snapshot, surveys } = await findStart(disk, directory);
    const { content } = await readWal(disk, directory, snapshot, { surveys });
    const { metadata, hardState, entries, torn } = content;
    if (hardState.commit > snapshot.index + entries.length && torn === undefined)
      faults.add(
        `log: entry ${hardState.commit} is committed, and the last one is ${snapshot.index + entries.length}`,
      );
    return {
      segments: segments.length,
      nodeId: metadata?.nodeId ?? 0n,
      snapshot,
      hardState,
      lastIndex: snapshot.index + entries.length,
      termOf: (index) =>
        index === snapshot.index ? snapshot.term : entries[index - snapshot.index - 1]?.term,
      isTorn: torn !== undefined,
    };
  } catch (error) {
    const text = failureText(error);
    if (text === undefined) throw error;
    faults.add(`log: ${text}`);
    return undefined;
  }
}
