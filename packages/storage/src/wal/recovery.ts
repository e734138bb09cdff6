import type { LogIndex, Term } from "@quorate/raft";
import { newEntryView } from "@quorate/wire/hot";
import type { Clock } from "../seams/clock.ts";
import type { Disk } from "../seams/disk.ts";
import { WalError } from "./errors.ts";
import {
  decodeHardState,
  decodeMetadata,
  decodeSnapshot,
  entryOf,
  equal,
  malformedRecord,
  readEntry,
} from "./messages.ts";
import { type SegmentName, segmentsAmong, segmentsFrom } from "./segment-name.ts";
import { type RecordView, readSegment, type SegmentEnd } from "./segment-reader.ts";
import type { SegmentSurvey } from "./segment-survey.ts";
import { type Entry, type EntryId, type HardState, RecordType, type WalMetadata } from "./types.ts";

/** The log position a reader starts from: that of a valid snapshot record (0, 0 at the beginning). */
export interface WalStart {
  readonly index: LogIndex;
  readonly term: Term;
}

export interface WalContent {
  /** undefined only of a log without any record. */
  readonly metadata: WalMetadata | undefined;
  /** All zero when the log holds none. */
  readonly hardState: HardState;
  /** Those after `start.index`, without gaps. Their data are views of larger buffers, kept while any is kept. */
  readonly entries: Entry[];
  /** How the log ends when a write was torn; it must be repaired before it is continued. */
  readonly torn: WalError | undefined;
}

/** What whoever opens a log has read of it before. */
export interface KnownSegments {
  /** Those that `findStart` made to find the start; the log must not have been written since. */
  readonly surveys?: readonly SegmentSurvey[];
  /** To give others their turns while what is known is gone through. */
  readonly clock?: Clock;
}

/** What is needed to continue a log. */
export interface WalTail {
  readonly segments: readonly SegmentName[];
  /** Behind the last whole record of the last segment. */
  readonly offset: number;
  readonly crc: number;
  readonly metadataBytes: Uint8Array;
}

/**
 * Reads a log from `start` on, verifying every record. A segment of which a survey says all that matters is not read
 * again. A torn end is reported, not repaired; everything else
 * that is wrong is a `WalError`.
 */
export async function readWal(
  disk: Disk,
  directory: string,
  start: WalStart,
  known: KnownSegments = {},
): Promise<{ content: WalContent; tail: WalTail }> {
  const segments = segmentsFrom(await listSegments(disk, directory), start.index, directory);
  const collector = new Collector(start);
  let end: SegmentEnd = { offset: 0, crc: 0, torn: undefined };
  for (const segment of segments) {
    collector.path = `${directory}/${segment.name}`;
    const survey = known.surveys?.find((each) => each.segment === segment.name);
    if (survey !== undefined && collector.takes(survey, end.crc)) {
      await survey.replay(collector.onRecord, known.clock);
      end = survey.end;
      continue;
    }
    const file = await disk.open(collector.path, "read");
    try {
      const isLast = segment === segments.at(-1);
      const { onRecord } = collector;
      end = await readSegment(file, { crc: end.crc, isLast, keepsViews: true, onRecord });
    } finally {
      await file.close();
    }
  }
  const { offset, crc, torn } = end;
  if (torn === undefined && !collector.snapshotFound) {
    throw new WalError("SNAPSHOT_NOT_FOUND", "wal: snapshot not found", { file: directory });
  }
  const { metadata, hardState, entries } = collector;
  return {
    content: { metadata, hardState, entries, torn },
    tail: { segments, offset, crc, metadataBytes: collector.metadataBytes ?? new Uint8Array(0) },
  };
}

export async function listSegments(disk: Disk, directory: string): Promise<SegmentName[]> {
  return segmentsAmong(await disk.list(directory));
}

class Collector {
  path = "";
  metadata: WalMetadata | undefined;
  metadataBytes: Uint8Array | undefined;
  hardState: HardState = { term: 0, vote: 0n, commit: 0 };
  readonly entries: Entry[] = [];
  snapshotFound = false;
  readonly #start: WalStart;
  /** Of the entry at the start's index, as far as the log has been read; undefined while it has none there. */
  #termAtStart: Term | undefined;
  readonly #view = newEntryView();

  constructor(start: WalStart) {
    this.#start = start;
  }

  /**
   * Takes all that `survey` says but for the records that it has kept, if with those it says what reading its segment,
   * with `crc` as the running value before it, would; false, and nothing is taken, if not.
   */
  takes(survey: SegmentSurvey, crc: number): boolean {
    const { isRegular, firstCrc, kept, metadataBytes, hardState, snapshots } = survey;
    const isNext = crc === 0 || firstCrc === crc;
    if (!isRegular || !isNext || kept.forgottenIndex > this.#start.index) return false;
    if (metadataBytes === undefined) return false;
    if (this.metadataBytes !== undefined && !equal(metadataBytes, this.metadataBytes)) return false;
    const atStart = snapshots.filter(({ index }) => index === this.#start.index);
    if (atStart.some(({ term }) => term !== this.#start.term)) return false;

    this.metadataBytes = metadataBytes;
    this.metadata = decodeMetadata(metadataBytes);
    if (hardState !== undefined) this.hardState = hardState;
    if (atStart.length > 0) this.snapshotFound = true;
    if (kept.lastForgotten !== undefined) this.#skip(kept.lastForgotten);
    return true;
  }

  readonly onRecord = (record: RecordView): void => {
    try {
      this.#collect(record);
    } catch (error) {
      throw malformedRecord(error, { file: this.path, offset: record.offset });
    }
  };

  #collect(record: RecordView): void {
    const { bytes, dataStart, dataEnd } = record;
    // A CRC does not cover the type of its record, but each segment begins with these two.
    if (
      this.metadata === undefined &&
      record.type !== RecordType.crc &&
      record.type !== RecordType.metadata
    ) {
      throw this.#error(
        record,
        "MALFORMED_RECORD",
        "wal: malformed record",
        `type ${record.type} before the metadata`,
      );
    }
    switch (record.type) {
      case RecordType.entry:
        this.#entry(record);
        break;
      case RecordType.state:
        this.hardState = decodeHardState(bytes, dataStart, dataEnd);
        break;
      case RecordType.metadata: {
        const data = bytes.slice(dataStart, dataEnd);
        if (this.metadataBytes !== undefined && !equal(data, this.metadataBytes)) {
          throw this.#error(record, "CONFLICTING_METADATA", "wal: conflicting metadata found");
        }
        this.metadataBytes = data;
        this.metadata = decodeMetadata(data);
        break;
      }
      case RecordType.crc:
        break;
      case RecordType.snapshot: {
        const snapshot = decodeSnapshot(bytes, dataStart, dataEnd);
        if (snapshot.index !== this.#start.index) break;
        if (snapshot.term !== this.#start.term) {
          throw this.#error(record, "SNAPSHOT_MISMATCH", "wal: snapshot mismatch");
        }
        // One of the member's own state names an entry that the log has, and what follows that goes on to count. One
        // that was received took the place of the whole log, with an uncommitted end that may have reached beyond it: on
        // the strength of those entries the member would vote for a log that lacks what the snapshot stands for.
        if (this.#termAtStart !== snapshot.term) this.entries.length = 0;
        this.snapshotFound = true;
        break;
      }
      default:
        throw this.#error(record, "UNEXPECTED_BLOCK_TYPE", `unexpected block type ${record.type}`);
    }
  }

  #entry(record: RecordView): void {
    const entry = this.#view;
    readEntry(record.bytes, record.dataStart, record.dataEnd, entry);
    if (entry.index <= this.#start.index) {
      this.#skip(entry);
      return;
    }
    const position = entry.index - this.#start.index - 1;
    if (position > this.entries.length) {
      const detail =
        `snapshot[Index: ${this.#start.index}, Term: ${this.#start.term}], ` +
        `current entry[Index: ${entry.index}, Term: ${entry.term}], len(ents): ${this.entries.length}`;
      throw this.#error(record, "OUT_OF_RANGE", "wal: slice bounds out of range", detail);
    }
    // A new leader's entries replace the uncommitted ones of an older leader.
    this.entries.length = position;
    this.entries.push(entryOf(entry, record.bytes));
  }

  /** An entry that the snapshot stands for: the log ended with it. */
  #skip({ index, term }: EntryId): void {
    this.entries.length = 0;
    this.#termAtStart = index === this.#start.index ? term : undefined;
  }

  #error(record: RecordView, code: WalError["code"], text: string, detail?: string): WalError {
    return new WalError(code, text, { file: this.path, offset: record.offset }, detail);
  }
}
