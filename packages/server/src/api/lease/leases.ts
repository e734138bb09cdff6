import type { ServerCall } from "@quorate/rpc/server";
import { costOf, type Steps } from "@quorate/storage/slices";
import { encode } from "@quorate/wire";
import { LeaseLeasesResponseSchema } from "@quorate/wire/etcdserverpb";
import { encodeLeaseIds } from "@quorate/wire/hot";
import { CALL_NEEDS } from "../../operations/call-needs.ts";
import { callerOf, identified } from "../callers.ts";
import type { LeaseContext } from "../context.ts";
import { failCall } from "../services.ts";

/** Ids in one part of the answer: about 12 KiB. */
const STEP = 1024;

/** `Lease.LeaseLeases`: what this member knows, even without a leader. */
export function handleLeaseLeases(context: LeaseContext, call: ServerCall): void {
  partsOf(context, call)
    .then((parts) => call.replyInParts(parts, () => {}))
    .catch((error: unknown) => failCall(call, error));
}

async function partsOf(context: LeaseContext, call: ServerCall): Promise<Uint8Array[]> {
  const { access, headers, lessor, store } = context;
  const ids = await lessor.leases();
  if (access.isRestricted) {
    await identified(call);
    await CALL_NEEDS.LeaseLeases(access.needsOf(callerOf(call)));
  }
  const head = encode(LeaseLeasesResponseSchema, { header: headers.fields(store.currentRevision) });
  return lessor.reading.run(responseSteps(head, ids));
}

/** The parts of a `LeaseLeasesResponse` of which `head` is the beginning. */
export function* responseSteps(head: Uint8Array, ids: readonly bigint[]): Steps<Uint8Array[]> {
  const parts = [head];
  for (let i = 0; i < ids.length; i += STEP) {
    parts.push(encodeLeaseIds(ids, i, Math.min(i + STEP, ids.length)));
    yield costOf(STEP, 0);
  }
  return parts;
}
