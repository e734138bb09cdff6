import { costOf, type Steps } from "@quorate/storage/slices";
import {
  LeaseInternalReader,
  type LeaseStatusMessage,
  leaseInternalHeadSize,
  leaseKeysSize,
  writeLeaseInternalHead,
  writeLeaseKeys,
} from "@quorate/wire/hot";

/** Keys written, or read, between two yields. */
const STEP = 256;

/**
 * A `LeaseTimeToLiveResponse` with keys, of which there may be very many: `head` is the encoded response without them,
 * and they are its last field.
 */
export function withKeysSteps(head: Uint8Array, keys: readonly Uint8Array[]): Steps<Uint8Array> {
  return writeSteps(head, keys, false);
}

/** As `withKeysSteps`, inside a `LeaseInternalResponse`. */
export function internalWithKeysSteps(head: Uint8Array, keys: readonly Uint8Array[]): Steps<Uint8Array> {
  return writeSteps(head, keys, true);
}

function* writeSteps(head: Uint8Array, keys: readonly Uint8Array[], isInternal: boolean): Steps<Uint8Array> {
  let size = head.length;
  for (let i = 0; i < keys.length; i += STEP) {
    size += leaseKeysSize(keys, i, Math.min(i + STEP, keys.length));
    yield costOf(STEP, 0);
  }
  const outerSize = isInternal ? leaseInternalHeadSize(size) : 0;
  const message = new Uint8Array(outerSize + size);
  if (isInternal) writeLeaseInternalHead(message, size);
  message.set(head, outerSize);
  let at = outerSize + head.length;
  for (let i = 0; i < keys.length; i += STEP) {
    const start = at;
    at = writeLeaseKeys(message, start, keys, i, Math.min(i + STEP, keys.length));
    yield costOf(STEP, at - start);
  }
  return message;
}

/** What a `LeaseInternalResponse` says, undefined if that is nothing. The keys are views on it. Throws WireError. */
export function* readInternalSteps(message: Uint8Array): Steps<LeaseStatusMessage | undefined> {
  const reader = new LeaseInternalReader(message);
  while (reader.read(STEP)) yield costOf(STEP, 0);
  return reader.status;
}
