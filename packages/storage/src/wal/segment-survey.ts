import { newEntryView, WireError } from "@quorate/wire/hot";
import type { Clock } from "../seams/clock.ts";
import type { Disk } from "../seams/disk.ts";
import { KeptRecords } from "./kept-records.ts";
import {
  decodeHardState,
  decodeMetadata,
  decodeSnapshot,
  equal,
  malformedRecord,
  readEntry,
} from "./messages.ts";
import { type RecordView, readSegment, type SegmentEnd } from "./segment-reader.ts";
import { type HardState, RecordType, type WalSnapshot } from "./types.ts";

/**
 * What one verified segment says, read without knowing where the log's reader will start. Entries that no start needs
 * any more, by what the segment says of snapshots and the commit, are forgotten on the way.
 */
export class SegmentSurvey {
  /** Name of the segment. */
  readonly segment: string;
  /** All there are, forgotten or not. */
  readonly snapshots: WalSnapshot[] = [];
  readonly kept = new KeptRecords();
  /**
   * Whether the segment holds nothing but what a log's segment should, from a crc record on. What exactly is wrong, if
   * anything, only the log's reader can say.
   */
  isRegular = true;
  /** What its first record, a crc record, says. */
  firstCrc = 0;
  metadataBytes: Uint8Array | undefined;
  /** Of the last state record. */
  hardState: HardState | undefined;
  end: SegmentEnd = { offset: 0, crc: 0, torn: undefined };
  readonly #path: string;
  readonly #view = newEntryView();
  /** Index of the last snapshot, while the commit has not been seen to cover it. */
  #uncoveredIndex = Number.POSITIVE_INFINITY;

  private constructor(directory: string, segment: string) {
    this.segment = segment;
    this.#path = `${directory}/${segment}`;
  }

  /**
   * Reads the segment called `segment`. A torn end of the last segment is as good as no record. Throws `WalError` for a
   * wrong frame or CRC, and a malformed state or snapshot.
   */
  static async read(disk: Disk, directory: string, segment: string, isLast: boolean): Promise<SegmentSurvey> {
    const survey = new SegmentSurvey(directory, segment);
    const file = await disk.open(survey.#path, "read");
    try {
      // The running CRC of the segments before is not known, and each begins with a record of it.
      const { spare } = survey.kept;
      survey.end = await readSegment(file, {
        crc: 0,
        isLast,
        keepsViews: true,
        spare,
        onRecord: survey.#onRecord,
      });
    } finally {
      await file.close();
      survey.kept.spare.length = 0;
    }
    return survey;
  }

  /** Hands on the records that have not been forgotten, some a turn of the loop if there is a clock. */
  replay(onRecord: (record: RecordView) => void, clock?: Clock): Promise<void> {
    return this.kept.replay(this.end.offset, onRecord, clock);
  }

  readonly #onRecord = (record: RecordView): void => {
    try {
      this.#survey(record);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.isRegular = false;
      if (record.type !== RecordType.state && record.type !== RecordType.snapshot) return;
      throw malformedRecord(error, { file: this.#path, offset: record.offset });
    }
  };

  #survey(record: RecordView): void {
    const { type, bytes, dataStart, dataEnd } = record;
    if (record.offset === 0) {
      this.firstCrc = record.crc;
      if (type !== RecordType.crc) this.isRegular = false;
    }
    this.kept.add(record);
    const beforeMetadata = this.metadataBytes === undefined;
    switch (type) {
      case RecordType.entry:
        readEntry(bytes, dataStart, dataEnd, this.#view);
        this.kept.setEntry(this.#view.index, this.#view.term);
        break;
      case RecordType.state:
        this.hardState = decodeHardState(bytes, dataStart, dataEnd);
        this.#forgetCovered();
        break;
      case RecordType.snapshot: {
        const snapshot = decodeSnapshot(bytes, dataStart, dataEnd);
        this.snapshots.push(snapshot);
        this.#uncoveredIndex = snapshot.index;
        this.#forgetCovered();
        break;
      }
      case RecordType.metadata: {
        const metadata = bytes.slice(dataStart, dataEnd);
        decodeMetadata(metadata);
        this.metadataBytes ??= metadata;
        if (!equal(metadata, this.metadataBytes)) this.isRegular = false;
        return;
      }
      case RecordType.crc:
        return;
      default:
        this.isRegular = false;
    }
    if (beforeMetadata) this.isRegular = false;
  }

  /** A restart begins after the last snapshot that the commit covers. (Should the commit go back, the reader sees it.) */
  #forgetCovered(): void {
    const index = this.#uncoveredIndex;
    if (this.hardState === undefined || this.hardState.commit < index) return;
    this.#uncoveredIndex = Number.POSITIVE_INFINITY;
    this.kept.forgetTo(index);
  }
}
