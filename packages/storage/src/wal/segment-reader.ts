import { decodeWalRecord, WireError } from "@quorate/wire/hot";
import type { DiskFile } from "../seams/disk.ts";
import { crc32cOf } from "./crc32c.ts";
import { WalError } from "./errors.ts";
import { ReadAhead } from "./read-ahead.ts";
import { contradictsItself, isTorn } from "./torn.ts";
import { RecordType } from "./types.ts";

/** Length field and head of a record: enough to see whether they agree. */
const HEAD_BYTES = 32;
const PAD_FLAG = 0x80;

/** One record. The object is the reader's own and changes with the next record. */
export interface RecordView {
  type: number;
  /** Running CRC after this record, as it stands in the record. */
  crc: number;
  /** The data is `bytes[dataStart, dataEnd)`; views of `bytes` may be kept. */
  bytes: Uint8Array;
  dataStart: number;
  dataEnd: number;
  /** Where the frame begins in the file. */
  offset: number;
}

export interface SegmentReading {
  /** The running CRC so far; 0 accepts the segment's first crc record whatever it says. */
  readonly crc: number;
  /** Only in the last segment can a write have been torn. */
  readonly isLast: boolean;
  /** Whether `onRecord` keeps views of the bytes; else one buffer serves all reads. */
  readonly keepsViews: boolean;
  /** Buffers of `CHUNK_BYTES` of which no view is used any more: whoever keeps views may add to them. */
  readonly spare?: Uint8Array[];
  /** May throw; it is not caught. */
  readonly onRecord: (record: RecordView) => void;
}

export interface SegmentEnd {
  /** Behind the last whole record. */
  readonly offset: number;
  readonly crc: number;
  /** How the segment ends, when not at its end of data: a write that was torn (`UNEXPECTED_EOF`). */
  readonly torn: WalError | undefined;
}

/**
 * Reads the records of one segment up to its end of data: the end of the file, or a zero length field. Everything is
 * checked before it is used, lengths against the file's size before anything of that length is read. Throws
 * `WalError` with file and offset for anything but whole records and, in the last segment, a torn end.
 */
export async function readSegment(file: DiskFile, reading: SegmentReading): Promise<SegmentEnd> {
  const scan = new SegmentScan(file.path, await file.size(), reading);
  const chunks = new ReadAhead(file, scan.size, reading.keepsViews, reading.spare);
  try {
    for (;;) {
      const needed = scan.readBuffered();
      if (needed === 0) return { offset: scan.offset, crc: scan.crc, torn: scan.torn };
      const chunk = await chunks.take(scan.offset, needed);
      if (chunk.length < needed) throw scan.error("UNEXPECTED_EOF", "unexpected EOF", "the file has shrunk");
      scan.refill(chunk);
      chunks.request(scan.offset + chunk.length, scan.largestFrame);
    }
  } finally {
    await chunks.idle();
  }
}

/**
 * Hands on the records of `piece` once more, which begins with a record at `offset` and came from `readSegment`; `end` is
 * where that ended.
 */
export function replayRecords(
  piece: Uint8Array,
  offset: number,
  end: number,
  onRecord: (record: RecordView) => void,
): void {
  const scan = new SegmentScan("", end, { crc: 0, isLast: false, keepsViews: true, onRecord }, true);
  scan.offset = offset;
  scan.refill(piece);
  scan.readBuffered();
}

class SegmentScan {
  readonly size: number;
  offset = 0;
  crc: number;
  torn: WalError | undefined;
  /** In bytes, of those so far. */
  largestFrame = 0;
  readonly #path: string;
  readonly #reading: SegmentReading;
  readonly #isVerified: boolean;
  #chunk: Uint8Array = new Uint8Array(0);
  /** Where `offset` lies in the chunk. */
  #at = 0;
  readonly #record: RecordView;

  /** `isVerified`: all of it has been read before. */
  constructor(path: string, size: number, reading: SegmentReading, isVerified = false) {
    this.#path = path;
    this.#isVerified = isVerified;
    this.size = size;
    this.crc = reading.crc;
    this.#reading = reading;
    this.#record = { type: 0, crc: 0, bytes: this.#chunk, dataStart: 0, dataEnd: 0, offset: 0 };
  }

  /** Goes on with `chunk`, which begins at `offset`. */
  refill(chunk: Uint8Array): void {
    this.#chunk = chunk;
    this.#at = 0;
  }

  /** Reads on until the end (0) or until more bytes, counted from `offset`, are needed (their number). */
  readBuffered(): number {
    for (;;) {
      const left = this.size - this.offset;
      if (left === 0) return 0;
      if (left < 8) return this.#end("a length field is cut off");
      const chunk = this.#chunk;
      const at = this.#at;
      if (chunk.length - at < 8) return 8;
      const recordBytes = recordLength(chunk, at);
      const flags = chunk[at + 7]!;
      if (recordBytes === 0 && flags === 0) return 0;
      const pad = -chunk[at]! & 7;
      if (flags !== (pad === 0 ? 0 : PAD_FLAG | pad)) {
        throw this.error("MALFORMED_RECORD", "wal: malformed record", "length field and padding disagree");
      }
      const frameBytes = 8 + recordBytes + pad;
      if (frameBytes > left) {
        if (chunk.length - at < Math.min(left, HEAD_BYTES)) return Math.min(left, HEAD_BYTES);
        return this.#overrun(recordBytes, pad, left);
      }
      if (chunk.length - at < frameBytes) return frameBytes;
      if (!this.#take(at + 8, at + 8 + recordBytes)) return 0;
      if (frameBytes > this.largestFrame) this.largestFrame = frameBytes;
      this.offset += frameBytes;
      this.#at = at + frameBytes;
    }
  }

  error(
    code: "MALFORMED_RECORD" | "CRC_MISMATCH" | "UNEXPECTED_EOF",
    text: string,
    detail: string,
  ): WalError {
    return new WalError(code, text, { file: this.#path, offset: this.offset }, detail);
  }

  /** Checks one record and hands it on; false when it was torn. */
  #take(start: number, end: number): boolean {
    if (this.#isVerified) this.#parse(start, end);
    else if (!this.#verify(start, end)) return false;
    this.#record.offset = this.offset;
    this.#reading.onRecord(this.#record);
    return true;
  }

  #verify(start: number, end: number): boolean {
    const record = this.#record;
    const chunk = this.#chunk;
    let malformed: string | undefined;
    try {
      this.#parse(start, end);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      malformed = error.message;
    }
    if (malformed === undefined && record.type === RecordType.crc) {
      if (this.crc !== 0 && record.crc !== this.crc) throw this.#mismatch(record.crc, this.crc);
      this.crc = record.crc;
      return true;
    }
    const crc = malformed === undefined ? crc32cOf(chunk, record.dataStart, record.dataEnd, this.crc) : 0;
    if (malformed !== undefined || crc !== record.crc) {
      if (this.#reading.isLast && isTorn(chunk, start, end, this.offset + 8)) {
        this.#end(malformed ?? "a record is torn");
        return false;
      }
      if (malformed !== undefined) throw this.error("MALFORMED_RECORD", "wal: malformed record", malformed);
      throw this.#mismatch(record.crc, crc);
    }
    this.crc = crc;
    return true;
  }

  #parse(start: number, end: number): void {
    if (!this.#parseUsual(start, end)) this.#parseAny(start, end);
  }

  /** A record as every writer orders its fields: type, crc, then the data if any. false of any other. */
  #parseUsual(start: number, end: number): boolean {
    const chunk = this.#chunk;
    const record = this.#record;
    if (end - start < 4 || chunk[start] !== 0x08 || chunk[start + 1]! > 0x7f || chunk[start + 2] !== 0x10)
      return false;
    let at = start + 3;
    let byte = chunk[at++]!;
    let crc = byte & 0x7f;
    for (let shift = 7; byte > 0x7f; shift += 7) {
      if (at === end || shift > 28) return false;
      byte = chunk[at++]!;
      if (shift === 28 && byte > 0x0f) return false;
      crc |= (byte & 0x7f) << shift;
    }
    record.type = chunk[start + 1]!;
    record.crc = crc >>> 0;
    record.bytes = chunk;
    record.dataStart = at;
    record.dataEnd = end;
    if (at === end) return true;
    if (chunk[at++] !== 0x1a) return false;
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      if (at === end || shift > 21) return false;
      byte = chunk[at++]!;
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    record.dataStart = at;
    return at + length === end;
  }

  #parseAny(start: number, end: number): void {
    const record = this.#record;
    const chunk = this.#chunk;
    const { type, crc, data } = decodeWalRecord(chunk, start, end);
    record.type = type;
    record.crc = crc;
    record.bytes = chunk;
    record.dataStart = data === undefined ? start : data.byteOffset - chunk.byteOffset;
    record.dataEnd = record.dataStart + (data?.length ?? 0);
  }

  /** The record claims to go beyond the end of the file. */
  #overrun(recordBytes: number, pad: number, left: number): 0 {
    const detail =
      `[wal] max entry size limit exceeded when reading "${this.#path}", recBytes: ${recordBytes}, ` +
      `fileSize(${this.size}) - offset(${this.offset}) - padBytes(${pad}) = entryLimit(${left - pad})`;
    if (contradictsItself(this.#chunk, this.#at + 8, this.#chunk.length, this.offset + 8, recordBytes)) {
      throw this.error("MALFORMED_RECORD", "wal: malformed record", detail);
    }
    return this.#end(detail);
  }

  #end(detail: string): 0 {
    const error = this.error("UNEXPECTED_EOF", "unexpected EOF", detail);
    if (!this.#reading.isLast) throw error;
    this.torn = error;
    return 0;
  }

  #mismatch(expected: number, computed: number): WalError {
    const detail = `expected: ${expected.toString(16)} computed: ${computed.toString(16)}`;
    return this.error("CRC_MISMATCH", "walpb: crc mismatch", detail);
  }
}

/** The low 56 bits of the length field at `at`. */
function recordLength(bytes: Uint8Array, at: number): number {
  return (readU32(bytes, at + 4) & 0xff_ffff) * 2 ** 32 + readU32(bytes, at);
}

function readU32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}
