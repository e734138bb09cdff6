import { RaftError } from "../errors.ts";
import {
  type ConfChange,
  type ConfChangeSingle,
  type ConfChangeTransition,
  ConfChangeType,
  type ConfChangeV2,
  type Entry,
  EntryType,
  NONE,
} from "../types.ts";
import { type AnyConfChange, asV2 } from "./conf-change.ts";
import { ProtoReader, ProtoWriter } from "./proto.ts";

/** The protobuf (raftpb) form of conf changes: the data of conf change entries. All results are new arrays. */
export function encodeConfChange(change: ConfChange): Uint8Array {
  const writer = new ProtoWriter();
  if (change.id !== undefined) writer.varint(1, change.id);
  writer.varint(2, BigInt(change.type));
  writer.varint(3, change.nodeId);
  if (change.context !== undefined) writer.bytes(4, change.context);
  return writer.finish();
}

export function encodeConfChangeV2(change: ConfChangeV2): Uint8Array {
  const writer = new ProtoWriter();
  if (change.transition !== undefined) writer.varint(1, BigInt(change.transition));
  for (const { type, nodeId } of change.changes) {
    const single = new ProtoWriter();
    single.varint(1, BigInt(type));
    single.varint(2, nodeId);
    writer.bytes(2, single.finish());
  }
  if (change.context !== undefined) writer.bytes(3, change.context);
  return writer.finish();
}

/** Throws MALFORMED on bytes that are no such message. Unknown fields are skipped. */
export function decodeConfChange(data: Uint8Array): ConfChange {
  const change: ConfChange = { type: ConfChangeType.ConfChangeAddNode, nodeId: NONE };
  const reader = new ProtoReader(data);
  while (reader.next()) {
    if (reader.isVarint(1)) change.id = reader.uint64();
    else if (reader.isVarint(2)) change.type = reader.enumeration() as ConfChangeType;
    else if (reader.isVarint(3)) change.nodeId = reader.uint64();
    else if (reader.isBytes(4)) change.context = reader.bytes().slice();
    else reader.skip();
  }
  return change;
}

/** Throws MALFORMED on bytes that are no such message. No bytes at all: leave the joint configuration. */
export function decodeConfChangeV2(data: Uint8Array): ConfChangeV2 {
  const change: ConfChangeV2 = { changes: [] };
  const reader = new ProtoReader(data);
  while (reader.next()) {
    if (reader.isVarint(1)) change.transition = reader.enumeration() as ConfChangeTransition;
    else if (reader.isBytes(2)) change.changes.push(decodeSingle(reader.bytes()));
    else if (reader.isBytes(3)) change.context = reader.bytes().slice();
    else reader.skip();
  }
  return change;
}

function decodeSingle(data: Uint8Array): ConfChangeSingle {
  const single: ConfChangeSingle = { type: ConfChangeType.ConfChangeAddNode, nodeId: NONE };
  const reader = new ProtoReader(data);
  while (reader.next()) {
    if (reader.isVarint(1)) single.type = reader.enumeration() as ConfChangeType;
    else if (reader.isVarint(2)) single.nodeId = reader.uint64();
    else reader.skip();
  }
  return single;
}

/** The change that a conf change entry of either version holds. Throws MALFORMED for any other entry. */
export function confChangeOf(entry: Entry): AnyConfChange {
  if (entry.type === EntryType.EntryConfChange) return decodeConfChange(entry.data);
  if (entry.type === EntryType.EntryConfChangeV2) return decodeConfChangeV2(entry.data);
  throw new RaftError("MALFORMED", `entry type ${entry.type} holds no conf change`);
}

/** The same as a V2, undefined for a normal entry. */
export function confChangeV2Of(entry: Entry): ConfChangeV2 | undefined {
  return entry.type === EntryType.EntryNormal ? undefined : asV2(confChangeOf(entry));
}
