import { FieldReader, FieldWriter, MalformedMessage } from "./protobuf.ts";
import {
  type ConfState,
  type Entry,
  type HardState,
  NO_DATA,
  type WalMetadata,
  type WalSnapshot,
} from "./types.ts";

/** The messages inside records. Decoders throw `MalformedMessage` and copy nothing but what they say they copy. */

export function encodeMetadata(metadata: WalMetadata): Uint8Array {
  return new FieldWriter().varint64(1, metadata.nodeId).varint64(2, metadata.clusterId).finish();
}

export function decodeMetadata(bytes: Uint8Array): WalMetadata {
  const reader = new FieldReader().reset(bytes, 0, bytes.length);
  let nodeId = 0n;
  let clusterId = 0n;
  while (reader.next()) {
    if (reader.field === 1) nodeId = reader.varint64();
    else if (reader.field === 2) clusterId = reader.varint64();
    else reader.skip();
  }
  return { nodeId, clusterId };
}

export function encodeHardState(state: HardState): Uint8Array {
  return new FieldWriter().varint(1, state.term).varint64(2, state.vote).varint(3, state.commit).finish();
}

/**
 * Refuses anything but all three fields. Every version writes them all, and the CRC of a record does not cover its
 * type: an entry or metadata whose type was damaged must not pass for a state.
 */
export function decodeHardState(reader: FieldReader): HardState {
  const state: HardState = { term: 0, vote: 0n, commit: 0 };
  let seen = 0;
  while (reader.next()) {
    if (reader.field === 1) state.term = reader.varint();
    else if (reader.field === 2) state.vote = reader.varint64();
    else if (reader.field === 3) state.commit = reader.varint();
    else throw new MalformedMessage(`hard state with field ${reader.field}`);
    seen |= 1 << reader.field;
  }
  if (seen !== 0b1110) throw new MalformedMessage("hard state without term, vote or commit");
  return state;
}

/** An entry where it lies: its data is `bytes[dataStart, dataEnd)` of what was read. */
export interface EntryView {
  type: Entry["type"];
  term: number;
  index: number;
  dataStart: number;
  dataEnd: number;
}

export function newEntryView(): EntryView {
  return { type: 0, term: 0, index: 0, dataStart: 0, dataEnd: 0 };
}

/** Reads an entry into `view`; makes no object. */
export function readEntry(reader: FieldReader, view: EntryView): void {
  let type = 0;
  view.term = 0;
  view.index = 0;
  view.dataStart = 0;
  view.dataEnd = 0;
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        type = reader.varint();
        break;
      case 2:
        view.term = reader.varint();
        break;
      case 3:
        view.index = reader.varint();
        break;
      case 4:
        view.dataStart = reader.valueStart();
        view.dataEnd = reader.valueEnd;
        break;
      default:
        reader.skip();
    }
  }
  if (type !== 0 && type !== 1 && type !== 2) throw new MalformedMessage(`entry type ${type}`);
  view.type = type;
}

/** The entry's `data` is a view of `bytes`, which `view` was read from: they are shared from now on. */
export function entryOf({ type, term, index, dataStart, dataEnd }: EntryView, bytes: Uint8Array): Entry {
  const data = dataStart === dataEnd ? NO_DATA : bytes.subarray(dataStart, dataEnd);
  return { type, term, index, data };
}

export function encodeSnapshot(snapshot: WalSnapshot): Uint8Array {
  const writer = new FieldWriter().varint(1, snapshot.index).varint(2, snapshot.term);
  if (snapshot.confState !== undefined) writer.bytes(3, encodeConfState(snapshot.confState));
  return writer.finish();
}

export function decodeSnapshot(reader: FieldReader, bytes: Uint8Array): WalSnapshot {
  let index = 0;
  let term = 0;
  let confState: ConfState | undefined;
  while (reader.next()) {
    if (reader.field === 1) index = reader.varint();
    else if (reader.field === 2) term = reader.varint();
    else if (reader.field === 3) {
      const start = reader.valueStart();
      confState = decodeConfState(bytes, start, reader.valueEnd);
    } else reader.skip();
  }
  return confState === undefined ? { index, term } : { index, term, confState };
}

export function encodeConfState(state: ConfState): Uint8Array {
  const writer = new FieldWriter();
  for (const id of state.voters) writer.varint64(1, id);
  for (const id of state.learners) writer.varint64(2, id);
  for (const id of state.votersOutgoing) writer.varint64(3, id);
  for (const id of state.learnersNext) writer.varint64(4, id);
  if (state.autoLeave) writer.varint(5, 1);
  return writer.finish();
}

export function decodeConfState(bytes: Uint8Array, start: number, end: number): ConfState {
  const state: ConfState = {
    voters: [],
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };
  const lists = [state.voters, state.learners, state.votersOutgoing, state.learnersNext];
  const reader = new FieldReader().reset(bytes, start, end);
  while (reader.next()) {
    const list = lists[reader.field - 1];
    if (list !== undefined) list.push(reader.varint64());
    else if (reader.field === 5) state.autoLeave = reader.varint64() !== 0n;
    else reader.skip();
  }
  return state;
}
