import type { Init, TxnRequest } from "@quorate/wire/messages";

/** Whether a transaction changes nothing, whichever branch is taken. */
export function isReadOnly({ success = [], failure = [] }: Init<TxnRequest>): boolean {
  return [...success, ...failure].every(
    ({ requestRange, requestTxn }) =>
      requestRange !== undefined || (requestTxn !== undefined && isReadOnly(requestTxn)),
  );
}
