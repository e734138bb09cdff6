import { cursor, EMPTY, readBigInt64, readTag, readUint32, skipValue } from "@quorate/wire/reader";
import { concatBytes } from "./octets.ts";

const VARINT = 0;
const DELIMITED = 2;

/** A field as it was sent: `bytes` of what has a length, `value` of a number. */
export interface MessageField {
  readonly number: number;
  readonly bytes: Uint8Array;
  readonly value: bigint;
}

/**
 * The fields of an encoded message, one after another, so that a large one never has to be decoded as a whole. It may lie in
 * several parts; a field that goes on in the next part is joined. `bytes` are views else. Throws WireError.
 */
export function* fieldsOf(parts: readonly Uint8Array[]): Generator<MessageField, void, undefined> {
  let start = 0;
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!;
    const end = part.length;
    let pos = start;
    start = 0;
    while (pos < end) {
      const tag = readTag(part, pos, end);
      const number = tag >>> 3;
      if ((tag & 7) === VARINT) {
        const value = readBigInt64(part, cursor, end);
        pos = cursor;
        yield { number, bytes: EMPTY, value };
      } else if ((tag & 7) === DELIMITED) {
        const length = readUint32(part, cursor, end);
        const from = cursor;
        pos = from + length;
        if (pos <= end) {
          yield { number, bytes: part.subarray(from, pos), value: 0n };
          continue;
        }
        const pieces = [part.subarray(from)];
        let missing = pos - end;
        while (i + 1 < parts.length && parts[i + 1]!.length < missing) {
          missing -= parts[++i]!.length;
          pieces.push(parts[i]!);
        }
        pieces.push((parts[i + 1] ?? EMPTY).subarray(0, missing));
        start = missing;
        yield { number, bytes: concatBytes(pieces), value: 0n };
        break;
      } else pos = skipValue(part, cursor, end, tag);
    }
  }
}

/** The first field with this number, if there is one. */
export function fieldOf(parts: readonly Uint8Array[], number: number): MessageField | undefined {
  return fieldsOf(parts).find((field) => field.number === number);
}
