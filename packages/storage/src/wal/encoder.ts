import {
  ENTRY_HEAD_BYTES,
  writeBigVarint,
  writeEntryHead,
  writeVarint,
  writeWalRecordHead,
} from "@quorate/wire/hot";
import { crc32c, crc32cOf } from "./crc32c.ts";
import { type Entry, type HardState, RecordType } from "./types.ts";

const START_BYTES = 256 * 1024;
/** A buffer that one huge entry has grown is not kept. */
const KEPT_BYTES = 4 * 1024 * 1024;
/** Length field, type, crc, and tag and length of the data: the most that stands before the data of a record. */
const RECORD_HEAD_BYTES = 8 + 2 + 6 + 9;

/** Encoded records; `bytes[0, length)` are to be written as they are. */
export interface EncodedBatch {
  bytes: Uint8Array;
  length: number;
}

/**
 * Turns records into frames in a growing buffer and keeps the running CRC. Synchronous; makes no object per record.
 * Two buffers take turns: one is filled while the other is being written.
 */
export class RecordEncoder {
  #bytes: Uint8Array = new Uint8Array(START_BYTES);
  #spare: Uint8Array | undefined;
  #length = 0;
  #crc: number;
  readonly #scratch = new Uint8Array(64);
  // The vote is almost always the same from state to state, and a bigint is slow to encode.
  #vote = 0n;
  readonly #voteBytes = new Uint8Array(10);
  #voteLength = 1;

  /** `crc`: the running value of the log that is continued, 0 for a new one. */
  constructor(crc: number) {
    this.#crc = crc;
  }

  /** After everything encoded so far. */
  get runningCrc(): number {
    return this.#crc;
  }

  /** Bytes encoded and not yet taken. */
  get length(): number {
    return this.#length;
  }

  entry(entry: Entry): void {
    const scratch = this.#scratch;
    const { data } = entry;
    const head = writeEntryHead(scratch, 0, entry);
    // The CRC stands before the data with a length of its own, so it is needed before anything can be placed.
    let crc = crc32cOf(scratch, 0, head, this.#crc);
    if (data.length > 0) crc = crc32c(data, crc);
    this.#crc = crc;
    this.#reserve(RECORD_HEAD_BYTES + ENTRY_HEAD_BYTES + data.length + 8);
    let at = this.#recordHead(RecordType.entry, head + data.length);
    const bytes = this.#bytes;
    for (let i = 0; i < head; i++) bytes[at++] = scratch[i]!;
    if (data.length > 0) bytes.set(data, at);
    this.#pad(at + data.length);
  }

  state(state: HardState): void {
    if (state.vote !== this.#vote) {
      this.#vote = state.vote;
      this.#voteLength = writeBigVarint(this.#voteBytes, 0, state.vote);
    }
    const scratch = this.#scratch;
    let length = 0;
    scratch[length++] = 0x08;
    length = writeVarint(scratch, length, state.term);
    scratch[length++] = 0x10;
    for (let i = 0; i < this.#voteLength; i++) scratch[length++] = this.#voteBytes[i]!;
    scratch[length++] = 0x18;
    length = writeVarint(scratch, length, state.commit);
    this.#crc = crc32cOf(scratch, 0, length, this.#crc);
    this.#reserve(RECORD_HEAD_BYTES + length + 8);
    let at = this.#recordHead(RecordType.state, length);
    for (let i = 0; i < length; i++) this.#bytes[at++] = scratch[i]!;
    this.#pad(at);
  }

  /** A metadata or snapshot record with an encoded message. */
  message(type: 1 | 5, data: Uint8Array): void {
    this.#crc = crc32c(data, this.#crc);
    this.#reserve(RECORD_HEAD_BYTES + data.length + 8);
    const at = this.#recordHead(type, data.length);
    this.#bytes.set(data, at);
    this.#pad(at + data.length);
  }

  /** A crc record: the running value as it stands, at the head of a segment. */
  crc(): void {
    this.#reserve(RECORD_HEAD_BYTES + 8);
    const start = this.#length;
    const at = writeWalRecordHead(this.#bytes, start + 8, RecordType.crc, this.#crc, -1);
    this.#lengthField(start, at - start - 8);
    this.#pad(at);
  }

  /** Hands out what has been encoded since the last call; goes back with `recycle` when it has been written. */
  take(): EncodedBatch {
    const batch = { bytes: this.#bytes, length: this.#length };
    this.#bytes = this.#spare ?? new Uint8Array(START_BYTES);
    this.#spare = undefined;
    this.#length = 0;
    return batch;
  }

  recycle(batch: EncodedBatch): void {
    if (batch.bytes.length <= KEPT_BYTES) this.#spare = batch.bytes;
  }

  /** Length field, type, crc and the data's tag; returns where the data goes. Room must have been reserved. */
  #recordHead(type: number, dataLength: number): number {
    const start = this.#length;
    const at = writeWalRecordHead(this.#bytes, start + 8, type, this.#crc, dataLength);
    this.#lengthField(start, at - start - 8 + dataLength);
    return at;
  }

  #lengthField(start: number, recordLength: number): void {
    const bytes = this.#bytes;
    const pad = -recordLength & 7;
    bytes[start] = recordLength & 255;
    bytes[start + 1] = (recordLength >>> 8) & 255;
    bytes[start + 2] = (recordLength >>> 16) & 255;
    bytes[start + 3] = recordLength >>> 24;
    bytes[start + 4] = 0;
    bytes[start + 5] = 0;
    bytes[start + 6] = 0;
    bytes[start + 7] = pad === 0 ? 0 : 0x80 | pad;
  }

  /** Ends the record at `end` and fills up to the next multiple of eight. */
  #pad(end: number): void {
    let at = end;
    // Frames are multiples of eight, so positions in the buffer and in the record agree modulo eight.
    while ((at & 7) !== 0) this.#bytes[at++] = 0;
    this.#length = at;
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, needed));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}
