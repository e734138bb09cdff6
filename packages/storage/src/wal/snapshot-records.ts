import type { Disk } from "../seams/disk.ts";
import { WalError } from "./errors.ts";
import { listSegments } from "./recovery.ts";
import { SegmentSurvey } from "./segment-survey.ts";
import type { HardState, WalSnapshot } from "./types.ts";

/** Where a restart begins. */
export interface LogStart {
  /** The last snapshot record that the commit covers; index and term 0 of a log without any. */
  readonly snapshot: WalSnapshot;
  /** The segments that were read to find it: who opens the log at `snapshot` need not read them again. */
  readonly surveys: readonly SegmentSurvey[];
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
  const segments = await listSegments(disk, directory);
  if (segments.length === 0) throw new WalError("FILE_NOT_FOUND", "wal: file not found", { file: directory });
  const surveys: SegmentSurvey[] = [];
  let snapshot: WalSnapshot | undefined;
  let hardState: HardState | undefined;
  for (const segment of segments.toReversed()) {
    const survey = await SegmentSurvey.read(disk, directory, segment.name, segment === segments.at(-1));
    surveys.push(survey);
    hardState ??= survey.hardState;
    const limit = hardState?.commit ?? 0;
    snapshot = survey.snapshots.findLast(({ index }) => index <= limit);
    if (snapshot !== undefined) break;
  }
  const hasState = hardState !== undefined && hardState.term > 0;
  return { snapshot: snapshot ?? { index: 0, term: 0 }, surveys, hasState };
}
