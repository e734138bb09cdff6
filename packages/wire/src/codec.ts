import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { conform } from "./conform.ts";
import { WireError } from "./hot/wire-error.ts";

/**
 * Messages in messages. Deep enough for every transaction that a member lets pass (each level is two messages), and far
 * from what the stack holds.
 */
const MAX_DEPTH = 600;

const READ_OPTIONS = { readUnknownFields: false, recursionLimit: MAX_DEPTH };

/** The message's bytes, owned by the caller. `message` may be a message or the plain fields to make one of. */
export function encode<Schema extends DescMessage>(
  schema: Schema,
  message: MessageInitShape<Schema>,
): Uint8Array<ArrayBuffer> {
  return toBinary(schema, create(schema, message));
}

/**
 * Accepts what an etcd member accepts (see conform.ts). Byte fields are views on `bytes`. Unknown fields are dropped. Throws WireError when `bytes` are not such a message;
 * nothing else is thrown.
 */
export function decode<Schema extends DescMessage>(schema: Schema, bytes: Uint8Array): MessageShape<Schema> {
  const conforming = conform(schema, bytes, MAX_DEPTH);
  try {
    return fromBinary(schema, conforming, READ_OPTIONS);
  } catch (error) {
    // Encoding and depth conform: what is left to complain of is text.
    throw new WireError(error instanceof Error ? error.message : String(error), "text");
  }
}
