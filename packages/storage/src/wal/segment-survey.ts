import type { LogIndex } from "@quorate/raft";
import { newEntryView, WireError } from "@quorate/wire/hot";
import type { Disk } from "../seams/disk.ts";
import { WalError } from "./errors.ts";
import { decodeHardState, decodeMetadata, decodeSnapshot, readEntry } from "./messages.ts";
import { equal, type ResumePoint } from "./recovery.ts";
import { type RecordView, readSegment } from "./segment-reader.ts";
import { type HardState, RecordType, type WalSnapshot } from "./types.ts";

/** Points at which reading may be resumed are so far apart: what is read twice is little, and points are few. */
const POINT_SPACING_BYTES = 256 * 1024;

interface Point extends ResumePoint {
  /** The highest index of the entries before it. */
  readonly lastIndex: LogIndex;
}

/**
 * What one verified segment says of snapshots and the commit. What else may be wrong with its records it leaves to the
 * reader of the log, and then knows no point at which that one might resume.
 */
export class SegmentSurvey {
  readonly snapshots: WalSnapshot[] = [];
  /** Of the last state record. */
  hardState: HardState | undefined;
  /** Running CRC at the segment's end. */
  crc: number;
  readonly #segment: string;
  readonly #path: string;
  readonly #points: Point[] = [];
  #metadataBytes: Uint8Array | undefined;
  /** The highest index so far; that of the last entry may be lower. */
  #lastIndex = 0;
  #isRegular = true;
  /** Running CRC before the record that comes next. */
  #crcBefore: number;
  #nextPointOffset = POINT_SPACING_BYTES;
  /** The last entry. */
  readonly #view = newEntryView();

  private constructor(directory: string, segment: string, crc: number) {
    this.#segment = segment;
    this.#path = `${directory}/${segment}`;
    this.crc = crc;
    this.#crcBefore = crc;
  }

  /**
   * Reads the segment called `segment` with `crc` as running value before it (0: not known). A torn end of the last
   * segment is as good as no record. Throws `WalError` for a wrong frame or CRC, and a malformed state or snapshot.
   */
  static async read(
    disk: Disk,
    directory: string,
    segment: string,
    crc: number,
    isLast: boolean,
  ): Promise<SegmentSurvey> {
    const survey = new SegmentSurvey(directory, segment, crc);
    const file = await disk.open(survey.#path, "read");
    try {
      const { onRecord } = survey;
      ({ crc: survey.crc } = await readSegment(file, { crc, isLast, keepsViews: false, onRecord }));
    } finally {
      await file.close();
    }
    return survey;
  }

  /** The last point with no entry after `snapshot`, one of this segment's, before it; undefined if there is none. */
  resumePoint(snapshot: WalSnapshot): ResumePoint | undefined {
    const contradicts = ({ index, term }: WalSnapshot) => index === snapshot.index && term !== snapshot.term;
    if (!this.#isRegular || this.snapshots.some(contradicts)) return undefined;
    return this.#points.findLast((point) => point.lastIndex <= snapshot.index);
  }

  readonly onRecord = (record: RecordView): void => {
    if (record.offset >= this.#nextPointOffset) this.#addPoint(record.offset);
    this.#crcBefore = record.crc;
    try {
      this.#survey(record);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#isRegular = false;
      if (record.type !== RecordType.state && record.type !== RecordType.snapshot) return;
      const place = { file: this.#path, offset: record.offset };
      throw new WalError("MALFORMED_RECORD", "wal: malformed record", place, error.message);
    }
  };

  #survey({ type, bytes, dataStart, dataEnd }: RecordView): void {
    const beforeMetadata = this.#metadataBytes === undefined;
    switch (type) {
      case RecordType.entry:
        readEntry(bytes, dataStart, dataEnd, this.#view);
        if (this.#view.index > this.#lastIndex) this.#lastIndex = this.#view.index;
        break;
      case RecordType.state:
        this.hardState = decodeHardState(bytes, dataStart, dataEnd);
        break;
      case RecordType.snapshot:
        this.snapshots.push(decodeSnapshot(bytes, dataStart, dataEnd));
        break;
      case RecordType.metadata: {
        const metadata = bytes.slice(dataStart, dataEnd);
        decodeMetadata(metadata);
        this.#metadataBytes ??= metadata;
        if (!equal(metadata, this.#metadataBytes)) this.#isRegular = false;
        return;
      }
      case RecordType.crc:
        return;
      default:
        this.#isRegular = false;
    }
    if (beforeMetadata) this.#isRegular = false;
  }

  #addPoint(offset: number): void {
    this.#nextPointOffset = offset + POINT_SPACING_BYTES;
    if (this.#metadataBytes === undefined) return;
    this.#points.push({
      segment: this.#segment,
      offset,
      crc: this.#crcBefore,
      metadataBytes: this.#metadataBytes,
      hardState: this.hardState ?? { term: 0, vote: 0n, commit: 0 },
      lastIndex: this.#lastIndex,
      lastEntry: { index: this.#view.index, term: this.#view.term },
    });
  }
}
