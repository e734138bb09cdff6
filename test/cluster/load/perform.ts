/** Single operations that are taken down in the journal. */

import type { Found, Operation } from "@quorate/testkit/history";
import {
  type CompareInput,
  CompareResult,
  CompareTarget,
  type RangeResponse,
} from "@quorate/testkit/messages";
import { OPERATION_TIMEOUT_MS, type Session, sleep } from "./session.ts";

/** Performs one recorded operation; undefined when it failed. */
export async function perform(
  session: Session,
  intent: Pick<Operation, "client" | "kind" | "key"> & Partial<Pick<Operation, "value" | "expected">>,
  timeoutMs = OPERATION_TIMEOUT_MS,
): Promise<Operation | undefined> {
  const { client, journal } = session;
  const life = session.life();
  const operation = journal.begin({ ...intent, member: client.name }, life);
  try {
    const { key } = intent;
    switch (intent.kind) {
      case "put": {
        const { header } = await client.put({ key, value: intent.value! }, timeoutMs);
        journal.answered(operation, { revision: header!.revision }, life);
        break;
      }
      case "swap": {
        const { header, succeeded } = await client.txn(
          {
            compare: [comparison(session, key, intent.expected!)],
            success: [{ request_put: { key, value: intent.value! } }],
          },
          timeoutMs,
        );
        journal.answered(operation, { revision: header!.revision, succeeded }, life);
        break;
      }
      default: {
        const serializable = intent.kind === "serializable";
        const read = await client.range({ key, serializable }, timeoutMs);
        journal.answered(operation, { revision: read.header!.revision, found: foundIn(read) }, life);
      }
    }
    return operation;
  } catch (error) {
    journal.failed(operation, error);
    await sleep(20);
    return undefined;
  }
}

/** Values are unique, so a comparison of the value and one of the revision say the same. */
function comparison({ random }: Session, key: string, expected: Found): CompareInput {
  const result = CompareResult.EQUAL;
  if (expected === null) return { key, result, target: CompareTarget.CREATE, create_revision: 0 };
  return random.chance(0.5)
    ? { key, result, target: CompareTarget.MOD, mod_revision: expected.modRevision }
    : { key, result, target: CompareTarget.VALUE, value: expected.value };
}

function foundIn({ kvs }: RangeResponse): Found {
  const kv = kvs[0];
  return kv === undefined ? null : { value: kv.value.toString("latin1"), modRevision: kv.mod_revision };
}
