import { isUtf8 } from "node:buffer";
import { quote } from "../../go-text/quote.ts";
import { type ProtobufField, readFields } from "./protobuf-fields.ts";

/** Deeper messages are shown as bytes. */
const DEEPEST = 32;
const INDENT = "  ";

/** Lines `name: value` of fields, messages within them deeper; a field that nobody has named has its number. */
export function* outline(fields: readonly ProtobufField[], indent: string, depth = 0): Generator<string> {
  for (const { number, value } of fields) {
    const name = `${indent}${number}:`;
    const inner = typeof value === "bigint" || depth === DEEPEST ? undefined : messageIn(value);
    if (inner !== undefined) {
      yield name;
      yield* outline(inner, indent + INDENT, depth + 1);
    } else yield `${name} ${scalarText(value)}`;
  }
}

/** A number, text in quotes unless it is a plain word, or bytes in hexadecimal. */
export function scalarText(value: bigint | Uint8Array): string {
  if (typeof value === "bigint") return String(BigInt.asIntN(64, value));
  if (!isUtf8(value) || value.includes(0)) return `0x${Buffer.from(value).toString("hex")}`;
  const quoted = quote(value);
  const bare = quoted.slice(1, -1);
  // What could be mistaken for a number, for nothing, or for something else stays in quotes.
  return /^[A-Za-z_/][^\\"\s]*$/.test(bare) ? bare : quoted;
}

/**
 * The fields in bytes that are more likely a message than text or a secret. Text can look like a message, and a message like
 * text: the first byte of nearly all messages is one that no text begins with.
 */
function messageIn(bytes: Uint8Array): ProtobufField[] | undefined {
  if (bytes.length === 0 || (bytes[0]! >= 0x20 && isUtf8(bytes) && !bytes.some(isControl))) return undefined;
  return readFields(bytes);
}

function isControl(byte: number): boolean {
  return byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d;
}
