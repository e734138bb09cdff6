import { decodeEntry, type RaftEntry } from "./raft-entry.ts";
import { decodeMessage, type RaftMessage } from "./raft-message.ts";
import { cursor, EMPTY, readLength, readTag, skipValue } from "./reader.ts";

const ENTRY_TAG = 0x3a;

/** Decodes a message some entries at a time, of which there may be very many. */
export class MessageReader {
  readonly #buf: Uint8Array;
  readonly #end: number;
  readonly #noData: Uint8Array;
  readonly #entries: RaftEntry[] = [];
  /** The other fields, between which entries lie. */
  readonly #others: Uint8Array[] = [];
  #at: number;
  /** Where the fields began that are no entries and have not been put with the others; -1 without any. */
  #othersFrom = -1;

  /** Everything as for `decodeMessage`. */
  constructor(buf: Uint8Array, start = 0, end: number = buf.length, noData: Uint8Array = EMPTY) {
    this.#buf = buf;
    this.#at = start;
    this.#end = end;
    this.#noData = noData;
  }

  get entryCount(): number {
    return this.#entries.length;
  }

  /** Reads up to `fields` more fields; false when all of them have been read. Throws WireError. */
  read(fields: number): boolean {
    const buf = this.#buf;
    const end = this.#end;
    for (let i = 0; i < fields; i++) {
      const start = this.#at;
      if (start >= end) return false;
      const tag = readTag(buf, start, end);
      if (tag !== ENTRY_TAG) {
        if (this.#othersFrom < 0) this.#othersFrom = start;
        this.#at = skipValue(buf, cursor, end, tag);
        continue;
      }
      this.#keepOthers();
      const length = readLength(buf, cursor, end);
      this.#at = cursor + length;
      this.#entries.push(decodeEntry(buf, cursor, this.#at, this.#noData));
    }
    return true;
  }

  /** What all that was read says. Throws WireError. */
  get message(): RaftMessage {
    this.#keepOthers();
    const message = decodeMessage(joined(this.#others), 0, undefined, this.#noData);
    if (this.#entries.length > 0) message.entries = this.#entries;
    return message;
  }

  #keepOthers(): void {
    if (this.#othersFrom >= 0) this.#others.push(this.#buf.subarray(this.#othersFrom, this.#at));
    this.#othersFrom = -1;
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  let size = 0;
  for (const part of parts) size += part.length;
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
