import { leaseKeysSize, writeLeaseKeys } from "@quorate/wire/hot";
import { costOf, type Steps } from "../../slices.ts";

/** Keys written between two yields. */
const STEP = 256;

/**
 * A `LeaseTimeToLiveResponse` with keys, of which there may be very many: `head` is the encoded response without them,
 * and they are its last field.
 */
export function* withKeysSteps(head: Uint8Array, keys: readonly Uint8Array[]): Steps<Uint8Array> {
  if (keys.length === 0) return head;
  let size = head.length;
  for (let i = 0; i < keys.length; i += STEP) {
    size += leaseKeysSize(keys, i, Math.min(i + STEP, keys.length));
    yield costOf(STEP, 0);
  }
  const message = new Uint8Array(size);
  message.set(head);
  let at = head.length;
  for (let i = 0; i < keys.length; i += STEP) {
    const start = at;
    at = writeLeaseKeys(message, start, keys, i, Math.min(i + STEP, keys.length));
    yield costOf(STEP, at - start);
  }
  return message;
}
