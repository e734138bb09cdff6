/** What the bytes of a message say without its schema. */
export interface ProtobufField {
  readonly number: number;
  /** A number of any wire type that is one, or bytes: text, bytes or a message. Borrowed from what was read. */
  readonly value: bigint | Uint8Array;
}

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;
const LAST_NUMBER = 2 ** 29 - 1;
const LONGEST_VARINT_BYTES = 10;

/** All fields of a message in their order; undefined when the bytes are none. Groups, which nobody writes any more, are none. */
export function readFields(bytes: Uint8Array): ProtobufField[] | undefined {
  const fields: ProtobufField[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  const varint = (): bigint | undefined => {
    let value = 0n;
    for (let i = 0; i < LONGEST_VARINT_BYTES && at < bytes.length; i++) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 0x7f) << BigInt(7 * i);
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    return undefined;
  };
  while (at < bytes.length) {
    const tag = varint();
    if (tag === undefined || tag >> 3n === 0n || tag >> 3n > LAST_NUMBER) return undefined;
    const number = Number(tag >> 3n);
    const type = Number(tag & 7n);
    if (type === VARINT) {
      const value = varint();
      if (value === undefined) return undefined;
      fields.push({ number, value });
    } else if (type === FIXED64 && at + 8 <= bytes.length) {
      fields.push({ number, value: view.getBigUint64(at, true) });
      at += 8;
    } else if (type === FIXED32 && at + 4 <= bytes.length) {
      fields.push({ number, value: BigInt(view.getUint32(at, true)) });
      at += 4;
    } else if (type === BYTES) {
      const length = varint();
      if (length === undefined || length > BigInt(bytes.length - at)) return undefined;
      fields.push({ number, value: bytes.subarray(at, at + Number(length)) });
      at += Number(length);
    } else return undefined;
  }
  return fields;
}
