import * as wire from "@quorate/wire/hot";
import { WalError, type WalPlace } from "./errors.ts";
import { type Entry, type HardState, NO_DATA, type WalMetadata, type WalSnapshot } from "./types.ts";

/**
 * The messages inside records. The CRC of a record does not cover its type: what a damaged type would have read as another
 * message must not pass for it, so these are stricter than protobuf is. All throw `WireError`.
 */

const VARINT = 0;
const BYTES = 2;
const METADATA = [VARINT, VARINT];
const SNAPSHOT = [VARINT, VARINT, BYTES];
const HARD_STATE = [VARINT, VARINT, VARINT];

export function decodeMetadata(bytes: Uint8Array): WalMetadata {
  check(bytes, 0, bytes.length, METADATA);
  return wire.decodeWalMetadata(bytes);
}

/** Reads an entry into `view`; makes no object. */
export function readEntry(bytes: Uint8Array, start: number, end: number, view: wire.EntryView): void {
  wire.readEntry(bytes, start, end, view);
  if (view.hasOddFields) throw wrongType();
  if (view.term === 0 || view.index === 0) throw new wire.WireError("entry without term or index");
}

/** The entry that `view` was read from in `bytes`, which its data is a view of. */
export function entryOf(view: wire.EntryView, bytes: Uint8Array): Entry {
  return wire.entryOf(view, bytes, NO_DATA);
}

/** Every release writes all three fields and no other. */
export function decodeHardState(bytes: Uint8Array, start: number, end: number): HardState {
  check(bytes, start, end, HARD_STATE);
  const state = wire.decodeHardState(bytes, start, end);
  if (wire.encodeHardState(state).length !== end - start) {
    throw new wire.WireError("hard state without term, vote or commit, or with more");
  }
  return state;
}

export function decodeSnapshot(bytes: Uint8Array, start: number, end: number): WalSnapshot {
  check(bytes, start, end, SNAPSHOT);
  return wire.decodeWalSnapshot(bytes, start, end);
}

export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function check(bytes: Uint8Array, start: number, end: number, wireTypes: readonly number[]): void {
  if (!wire.hasWireTypes(bytes, start, end, wireTypes)) {
    throw wrongType();
  }
}

function wrongType(): Error {
  return new wire.WireError("a field is of another type than it should be");
}

/**
 * What to throw for `error` of a record at `place` whose CRC is right: somebody wrote this, and it is no message of a version
 * that we know.
 */
export function malformedRecord(error: unknown, place: WalPlace): unknown {
  if (!(error instanceof wire.WireError)) return error;
  return new WalError("MALFORMED_RECORD", "wal: malformed record", place, error.message);
}
