import type { Revision } from "@quorate/storage/seams/backend";
import { EMPTY, encodeTxnResponse, encodeTxnResponseInParts, type TxnResponseParts } from "@quorate/wire/hot";
import { NO_PARTS, releaseResponses } from "./records-response.ts";

export interface TxnOutcome {
  /** For the outer header: the new revision, or the old one when nothing changed. */
  readonly revision: Revision;
  readonly succeeded: boolean;
  /**
   * Encoded responses for `encodeTxnResponse`, inner headers included; `kind` is the field number. Owned. None of a
   * transaction that nobody waits for.
   */
  readonly responses: readonly TxnResponseParts[];
}

/** Responses of so many bytes are copied into that of the transaction: well below a millisecond. */
const MOST_COPIED_BYTES = 2 ** 18;

/** Whether they are too large, one of them or all together, to be copied into the response of the transaction. */
export function isInParts(responses: readonly TxnResponseParts[]): boolean {
  let bytes = 0;
  for (let i = 0; i < responses.length; i++) {
    const { body, rest } = responses[i]!;
    bytes += body.length;
    if (rest.length > 0 || bytes > MOST_COPIED_BYTES) return true;
  }
  return false;
}

/** The response to a transaction inside another one. */
export function nestedResponse(succeeded: boolean, responses: readonly TxnResponseParts[]): TxnResponseParts {
  if (!isInParts(responses)) {
    const body = encodeTxnResponse(EMPTY, succeeded, responses);
    releaseResponses(responses);
    return { kind: 4, body, rest: NO_PARTS };
  }
  const [body, ...rest] = encodeTxnResponseInParts(EMPTY, succeeded, responses);
  return { kind: 4, body: body!, rest };
}
