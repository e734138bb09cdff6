import { decodeInternalRequest, InternalField } from "@quorate/wire/hot";
import { operationWithField } from "../operations/by-field.ts";
import { callerOfEntry } from "../operations/entry-payload.ts";
import { execute } from "../operations/operation.ts";
import type { ReplicatedState } from "../operations/state.ts";
import { applyV2Request, isV2Path } from "./v2-request.ts";

/**
 * Executes an entry that nobody on this member waits for: one that another member proposed, or that is replayed from
 * the log. Throws what operations throw for refusals, and `WireError` for a payload that is none. What takes more than
 * one turn gives a promise, which may reject with the same.
 */
export function applyEncoded(state: ReplicatedState, data: Uint8Array): Promise<unknown> | undefined {
  const entry = decodeInternalRequest(data);
  const { body, field } = entry;
  const operation = operationWithField(field);
  if (operation === undefined) {
    applyOther(state, data, field, body);
    return undefined;
  }
  const request = operation.decode(body, 0, body.length);
  const cost = operation.costBytes(request);
  const outcome = execute(operation, state, request, cost, callerOfEntry(entry), false);
  return outcome instanceof Promise ? outcome : undefined;
}

function applyOther(state: ReplicatedState, data: Uint8Array, field: number, body: Uint8Array): void {
  switch (field) {
    case InternalField.range:
      if (isV2Path(body)) applyV2Request(state, data);
      // Without a waiting caller a read has no effect.
      break;
    case InternalField.authStatus:
      // Members of etcd put this read in the log, too.
      break;
    case InternalField.downgradeVersionTest:
      // An operation of etcd's own tests, which changes nothing.
      break;
    default:
      throw new Error(`log entry with an operation that this release does not know (field ${field})`);
  }
}
