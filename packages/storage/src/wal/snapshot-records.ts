import type { Disk } from "../seams/disk.ts";
import { WalError } from "./errors.ts";
import { listSegments, type ResumePoint } from "./recovery.ts";
import type { SegmentName } from "./segment-name.ts";
import { SegmentSurvey } from "./segment-survey.ts";
import type { HardState, WalSnapshot } from "./types.ts";

/** Where a restart begins. */
export interface LogStart {
  /** The last snapshot record that the commit covers; index and term 0 of a log without any. */
  readonly snapshot: WalSnapshot;
  /** Spares whoever reads the log from `snapshot` on what was verified to find it. */
  readonly resume: ResumePoint | undefined;
  /**
   * Whether the log holds a term. Each write ends with the state, and nothing leaves a member before its write is
   * durable: whoever made a log without one has told nobody of anything.
   */
  readonly hasState: boolean;
}

/**
 * Finds the last snapshot record of a log that its commit covers. (A crash between a snapshot record and the state
 * record that covers it leaves one that must not be used.)
 *
 * Reads backwards, segment by segment, and stops at the first segment that has one; a torn end is as good as no
 * record. Throws `WalError`.
 */
export async function findStart(disk: Disk, directory: string): Promise<LogStart> {
  const segments = await existingSegments(disk, directory);
  let hardState: HardState | undefined;
  for (const segment of segments.toReversed()) {
    // The running CRC of the segments before is not known, and each begins with a record of it.
    const survey = await SegmentSurvey.read(disk, directory, segment.name, 0, segment === segments.at(-1));
    hardState ??= survey.hardState;
    const limit = hardState?.commit ?? 0;
    const snapshot = survey.snapshots.findLast(({ index }) => index <= limit);
    if (snapshot === undefined) continue;
    return { snapshot, resume: survey.resumePoint(snapshot), hasState: hasTerm(hardState) };
  }
  return { snapshot: { index: 0, term: 0 }, resume: undefined, hasState: hasTerm(hardState) };
}

/** All snapshot records of a log that its commit covers, in order of appearance. Reads the whole log. */
export async function validSnapshots(disk: Disk, directory: string): Promise<WalSnapshot[]> {
  const segments = await existingSegments(disk, directory);
  const snapshots: WalSnapshot[] = [];
  let commit = 0;
  let crc = 0;
  for (const segment of segments) {
    const survey = await SegmentSurvey.read(disk, directory, segment.name, crc, segment === segments.at(-1));
    snapshots.push(...survey.snapshots);
    commit = survey.hardState?.commit ?? commit;
    crc = survey.crc;
  }
  return snapshots.filter(({ index }) => index <= commit);
}

function hasTerm(state: HardState | undefined): boolean {
  return state !== undefined && state.term > 0;
}

async function existingSegments(disk: Disk, directory: string): Promise<SegmentName[]> {
  const segments = await listSegments(disk, directory);
  if (segments.length === 0) throw new WalError("FILE_NOT_FOUND", "wal: file not found", { file: directory });
  return segments;
}
