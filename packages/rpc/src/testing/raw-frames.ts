import { DECODED, HpackDecoder } from "../hpack/decoder.ts";
import { HpackEncoder, INDEX_FIELD } from "../hpack/encoder.ts";
import type { HeaderField } from "../hpack/field.ts";
import * as h2 from "../http2/protocol.ts";

/** A frame as it lies on the wire. */
export interface RawFrame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Uint8Array;
}

/** Encodes any frame, legal or not. */
export function frame(
  type: number,
  flags: number,
  id: number,
  payload: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const bytes = new Uint8Array(h2.FRAME_HEADER_LENGTH + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, payload.length << 8);
  bytes[3] = type;
  bytes[4] = flags;
  view.setUint32(5, id);
  bytes.set(payload, h2.FRAME_HEADER_LENGTH);
  return bytes;
}

/** What a client sends first. */
export const PREFACE = h2.CLIENT_PREFACE;

export function uint32(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  for (const [i, value] of values.entries()) new DataView(bytes.buffer).setUint32(i * 4, value);
  return bytes;
}

export function settings(...pairs: [id: number, value: number][]): Uint8Array {
  const payload = new Uint8Array(pairs.length * 6);
  const view = new DataView(payload.buffer);
  for (const [i, [id, value]] of pairs.entries()) {
    view.setUint16(i * 6, id);
    view.setUint32(i * 6 + 2, value);
  }
  return frame(h2.FRAME_SETTINGS, 0, 0, payload);
}

export function data(id: number, payload: Uint8Array, endStream = false): Uint8Array {
  return frame(h2.FRAME_DATA, endStream ? h2.FLAG_END_STREAM : 0, id, payload);
}

export function windowUpdate(id: number, increment: number): Uint8Array {
  return frame(h2.FRAME_WINDOW_UPDATE, 0, id, uint32(increment));
}

export function reset(id: number, code = h2.CANCEL): Uint8Array {
  return frame(h2.FRAME_RST_STREAM, 0, id, uint32(code));
}

export function ping(text = "pingpong", flags = 0): Uint8Array {
  return frame(h2.FRAME_PING, flags, 0, new TextEncoder().encode(text));
}

/** A header block without references to the dynamic table, so that blocks can be sent in any order. */
export function block(fields: readonly (readonly [string, string])[]): Uint8Array {
  const encoder = new HpackEncoder();
  encoder.begin();
  encoder.setPeerTableSize(0);
  encoder.begin();
  for (const [name, value] of fields) encoder.field(name, value, INDEX_FIELD);
  return encoder.end().slice();
}

/** An encoder of blocks with a dynamic table, as real clients have one: the blocks must be sent in order. */
export function blockEncoder(): (fields: readonly (readonly [string, string])[]) => Uint8Array {
  const encoder = new HpackEncoder();
  return (fields) => {
    encoder.begin();
    for (const [name, value] of fields) encoder.field(name, value, INDEX_FIELD);
    return encoder.end().slice();
  };
}

/** A decoder for the blocks of one connection, in order. Throws when one cannot be decoded. */
export function blockDecoder(): (block: Uint8Array) => [name: string, value: string][] {
  const decoder = new HpackDecoder(h2.DEFAULT_HEADER_TABLE_SIZE, 1_048_576);
  return (block) => {
    const fields: HeaderField[] = [];
    if (decoder.decode(block, 0, block.length, fields) !== DECODED) throw new Error("an undecodable block");
    return fields.map(({ name, value }) => [name, value]);
  };
}

export function headers(
  id: number,
  fields: readonly (readonly [string, string])[],
  flags = h2.FLAG_END_HEADERS,
): Uint8Array {
  return frame(h2.FRAME_HEADERS, flags, id, block(fields));
}

/** The fields of a gRPC request. */
export function grpcRequest(
  path: string,
  extra: readonly (readonly [string, string])[] = [],
): [string, string][] {
  return [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    [":authority", "test"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
    ...extra.map(([name, value]): [string, string] => [name, value]),
  ];
}

/** A message with its gRPC prefix. */
export function grpcMessage(message: Uint8Array, flag = 0): Uint8Array {
  const bytes = new Uint8Array(5 + message.length);
  bytes[0] = flag;
  new DataView(bytes.buffer).setUint32(1, message.length);
  bytes.set(message, 5);
  return bytes;
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Cuts octets into whole frames; a rest is left out. */
export function parseFrames(bytes: Uint8Array): RawFrame[] {
  const frames: RawFrame[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  while (at + h2.FRAME_HEADER_LENGTH <= bytes.length) {
    const length = view.getUint32(at) >>> 8;
    const end = at + h2.FRAME_HEADER_LENGTH + length;
    if (end > bytes.length) break;
    frames.push({
      type: bytes[at + 3]!,
      flags: bytes[at + 4]!,
      id: view.getUint32(at + 5) & 0x7fff_ffff,
      payload: bytes.slice(at + h2.FRAME_HEADER_LENGTH, end),
    });
    at = end;
  }
  return frames;
}
