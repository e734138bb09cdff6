import { cursor, readBigInt64, readLength, readTag, skipValue } from "./reader.ts";

/** A `LeaseTimeToLiveResponse` without its header. */
export interface LeaseStatusMessage {
  id: bigint;
  ttlSeconds: bigint;
  grantedTtlSeconds: bigint;
  /** The keys as they stand in the message, tags included: views on it, of as many as stand together. */
  keyFields: Uint8Array[];
}

/** Reads a `leasepb.LeaseInternalResponse` some fields at a time: a lease may have very many keys. */
export class LeaseInternalReader {
  /** What has been read, once it is all; undefined without the inner message. */
  status: LeaseStatusMessage | undefined;
  readonly #message: Uint8Array;
  #at = 0;
  /** Where the inner message ends that is being read; 0 outside of one. */
  #innerEnd = 0;
  /** Where keys begin and end that stand together, of which `status` does not know yet. */
  #keysFrom = 0;
  #keysTo = 0;

  /** `message` is borrowed for as long as the status is used. */
  constructor(message: Uint8Array) {
    this.#message = message;
  }

  /** Reads up to `fields` more fields; false when all of them have been read. Throws WireError. */
  read(fields: number): boolean {
    for (let i = 0; i < fields; i++) {
      if (this.#at === this.#innerEnd) this.#innerEnd = 0;
      if (this.#innerEnd > 0) this.#readInner();
      else if (this.#at < this.#message.length) this.#readOuter();
      else {
        this.#endKeys();
        return false;
      }
    }
    return true;
  }

  #readOuter(): void {
    const message = this.#message;
    const tag = readTag(message, this.#at, message.length);
    if (tag !== 0x0a) {
      this.#at = skipValue(message, cursor, message.length, tag);
      return;
    }
    const length = readLength(message, cursor, message.length);
    this.status ??= { id: 0n, ttlSeconds: 0n, grantedTtlSeconds: 0n, keyFields: [] };
    this.#at = cursor;
    this.#innerEnd = cursor + length;
  }

  #readInner(): void {
    const message = this.#message;
    const end = this.#innerEnd;
    const status = this.status!;
    const start = this.#at;
    const tag = readTag(message, start, end);
    if (tag === 0x10) status.id = readBigInt64(message, cursor, end);
    else if (tag === 0x18) status.ttlSeconds = readBigInt64(message, cursor, end);
    else if (tag === 0x20) status.grantedTtlSeconds = readBigInt64(message, cursor, end);
    else if (tag === 0x2a) {
      const length = readLength(message, cursor, end);
      this.#at = cursor + length;
      this.#addKey(start, this.#at);
      return;
    } else {
      this.#at = skipValue(message, cursor, end, tag);
      return;
    }
    this.#at = cursor;
  }

  #addKey(start: number, end: number): void {
    if (start !== this.#keysTo) {
      this.#endKeys();
      this.#keysFrom = start;
    }
    this.#keysTo = end;
  }

  #endKeys(): void {
    if (this.#keysTo > this.#keysFrom) {
      this.status!.keyFields.push(this.#message.subarray(this.#keysFrom, this.#keysTo));
    }
    this.#keysFrom = this.#keysTo;
  }
}
