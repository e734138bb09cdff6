import type { ServerCall } from "@quorate/rpc";
import { costOf, type Steps } from "@quorate/storage/slices";
import { encode } from "@quorate/wire";
import { LeaseLeasesResponseSchema } from "@quorate/wire/etcdserverpb";
import { encodeLeaseIds } from "@quorate/wire/hot";
import type { LeaseContext } from "../context.ts";
import { failCall } from "../services.ts";

/** Ids in one part of the answer: about 12 KiB. */
const STEP = 1024;

/** `Lease.LeaseLeases`: what this member knows, even without a leader. */
export function handleLeaseLeases(context: LeaseContext, call: ServerCall): void {
  const { lessor } = context;
  lessor
    .leases()
    .then((ids) => {
      const head = encode(LeaseLeasesResponseSchema, {
        header: context.headers.fields(context.store.currentRevision),
      });
      return lessor.reading.run(responseSteps(head, ids));
    })
    .then((parts) => call.replyInParts(parts, () => {}))
    .catch((error: unknown) => failCall(call, error));
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
