import type { LogIndex } from "@quorate/raft";
import type { Disk, DiskFile } from "../seams/disk.ts";
import { replaceFile } from "../seams/whole-files.ts";
import { RecordEncoder } from "./encoder.ts";
import { decodeHardState, decodeSnapshot, malformedRecord } from "./messages.ts";
import { listSegments } from "./recovery.ts";
import { copyFile } from "./repair.ts";
import type { SegmentLocks } from "./segment-locks.ts";
import { type RecordView, readSegment } from "./segment-reader.ts";
import { type HardState, RecordType, type WalSnapshot } from "./types.ts";

export interface ForgottenSnapshot {
  /** The commit index that the log has again. */
  readonly commit: LogIndex;
  /** A copy of the segment's records as they were. */
  readonly brokenFile: string;
}

const NO_STATE: HardState = { term: 0, vote: 0n, commit: 0 };

/**
 * Takes the record of a received snapshot off the end of a log: what is left is the log as it was before, with the term and
 * the vote that it has now. Returns undefined, and changes nothing, when the log does not end with that snapshot, or when
 * the record is one of the member's own state. A crash leaves the log as it was, or as it is to be.
 */
export async function forgetSnapshot(
  disk: Disk,
  directory: string,
  snapshot: WalSnapshot,
  locks: SegmentLocks,
): Promise<ForgottenSnapshot | undefined> {
  const segment = (await listSegments(disk, directory)).at(-1)!;
  const path = `${directory}/${segment.name}`;
  const end = new LogEnd(path, snapshot);
  const file = await disk.open(path, "read");
  try {
    const { offset: endOfData } = await readSegment(file, {
      crc: 0,
      isLast: true,
      keepsViews: false,
      onRecord: end.onRecord,
    });
    const { record } = end;
    if (record === undefined || end.isFollowed || record.before.commit >= snapshot.index) return undefined;
    const encoder = new RecordEncoder(record.crcBefore);
    encoder.state({ ...end.state, commit: record.before.commit });
    const tail = encoder.take();
    const head = new Uint8Array(record.offset);
    await file.read(head, 0);

    const brokenFile = `${path}.broken`;
    await copyFile(disk, file, brokenFile, endOfData);
    const fill = async (shortened: DiskFile) => {
      await shortened.write(head, 0);
      await shortened.write(tail.bytes.subarray(0, tail.length), record.offset);
    };
    await replaceFile(
      disk,
      path,
      fill,
      async (temporary) => void (await locks.take(temporary, segment.index)),
    );
    return { commit: record.before.commit, brokenFile };
  } finally {
    await file.close();
  }
}

/** What the last segment says of a snapshot and of what comes behind its record. */
class LogEnd {
  /** The snapshot's last record, with the state and the running CRC before it. */
  record: { readonly offset: number; readonly crcBefore: number; readonly before: HardState } | undefined;
  /** Entries or another snapshot stand behind the record. */
  isFollowed = false;
  state = NO_STATE;
  readonly #path: string;
  readonly #snapshot: WalSnapshot;
  #crc = 0;

  constructor(path: string, snapshot: WalSnapshot) {
    this.#path = path;
    this.#snapshot = snapshot;
  }

  readonly onRecord = (record: RecordView): void => {
    try {
      this.#take(record);
    } catch (error) {
      throw malformedRecord(error, { file: this.#path, offset: record.offset });
    }
  };

  #take({ type, bytes, dataStart, dataEnd, offset, crc }: RecordView): void {
    if (type === RecordType.state) this.state = decodeHardState(bytes, dataStart, dataEnd);
    else if (type === RecordType.entry) this.isFollowed = true;
    else if (type === RecordType.snapshot) {
      const { index, term } = decodeSnapshot(bytes, dataStart, dataEnd);
      this.isFollowed = index !== this.#snapshot.index || term !== this.#snapshot.term;
      if (!this.isFollowed) this.record = { offset, crcBefore: this.#crc, before: this.state };
    }
    this.#crc = crc;
  }
}
