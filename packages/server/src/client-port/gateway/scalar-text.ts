import { type DescField, ScalarType } from "@bufbuild/protobuf";
import { readBigInt64, readBigUint64, readBool, readInt32, readUint32 } from "@quorate/wire/reader";

/** The JSON of a value. `isDefault`: as a field of its own it is not written. */
export interface ScalarText {
  readonly text: string;
  readonly isDefault: boolean;
}

/** `bytes`: the content of what is delimited, else what begins with the value. */
export function scalarText(field: DescField, bytes: Uint8Array, isDelimited: boolean): ScalarText {
  const end = bytes.length;
  if (isDelimited) {
    const isDefault = end === 0;
    if (field.scalar === ScalarType.BYTES) {
      return { text: `"${base64(bytes)}"`, isDefault };
    }
    return { text: JSON.stringify(utf8.decode(bytes)), isDefault };
  }
  if (field.enum !== undefined) {
    const number = readInt32(bytes, 0, end);
    const name = field.enum.value[number]?.name;
    return { text: name === undefined ? String(number) : `"${name}"`, isDefault: number === 0 };
  }
  switch (field.scalar) {
    case ScalarType.INT64:
      return integerText(readBigInt64(bytes, 0, end));
    case ScalarType.UINT64:
      return integerText(readBigUint64(bytes, 0, end));
    case ScalarType.BOOL: {
      const value = readBool(bytes, 0, end);
      return { text: String(value), isDefault: !value };
    }
    default: {
      const value = field.scalar === ScalarType.UINT32 ? readUint32(bytes, 0, end) : readInt32(bytes, 0, end);
      return { text: String(value), isDefault: value === 0 };
    }
  }
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
}

function integerText(value: bigint): ScalarText {
  return { text: `"${value}"`, isDefault: value === 0n };
}

/** What a member sends is UTF-8; if it were not, a reader still gets JSON. */
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
