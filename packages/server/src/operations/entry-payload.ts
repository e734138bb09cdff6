import { encodeInternalRequest, type InternalRequest, varintSize } from "@quorate/wire/hot";
import { type Caller, NOBODY } from "./caller.ts";

/** Operations with lower field numbers stand first in an entry, with a tag of one byte; others last. */
const FIRST_FIELD_OF_TWO_BYTES = 16;

/**
 * The payload of a log entry: `request` is the encoded message of the operation with number `field` in
 * `InternalRaftRequest`, and copied. Hot.
 */
export function encodeEntry(field: number, request: Uint8Array, id: bigint, caller: Caller): Uint8Array {
  return encodeInternalRequest(field, request, id, caller.username, caller.authRevision);
}

/** Where in an entry that `encodeEntry` made the request of `length` bytes begins. */
export function requestStart(entry: Uint8Array, field: number, length: number): number {
  return field < FIRST_FIELD_OF_TWO_BYTES ? 1 + varintSize(length) : entry.length - length;
}

let lastCaller: Caller = NOBODY;

/** Who the member that proposed an entry says it is for. The same object for entries of the same user that follow each other. */
export function callerOfEntry({ username, authRevision }: InternalRequest): Caller {
  if (username === "" && authRevision === 0) return NOBODY;
  if (username !== lastCaller.username || authRevision !== lastCaller.authRevision) {
    lastCaller = { ...NOBODY, username, authRevision };
  }
  return lastCaller;
}
