import { costOf, type Steps } from "@quorate/storage/slices";
import { LeaseInternalReader, type LeaseStatusMessage, RecordsTag, RecordsWriter } from "@quorate/wire/hot";
import { dropAnswer } from "../../answer-memory.ts";
import { RequestError } from "../../errors.ts";
import type { Lessor } from "../../lease/lessor.ts";

/** Fields read between two yields. */
const STEP = 256;

/** Who asks for the keys of a lease; when it has ended nobody wants them. */
interface Asker {
  readonly ended: boolean;
}

/**
 * The keys of a lease, of which there may be very many, as they stand in a `LeaseTimeToLiveResponse`, whose last field they
 * are: parts that are to be given to `releaseAnswerPart`. Rejects with CANCELED when `asker` has ended.
 */
export async function keyFieldsOf(
  lessor: Pick<Lessor, "writeKeys">,
  id: bigint,
  asker: Asker,
): Promise<Uint8Array[]> {
  const writer = new RecordsWriter(RecordsTag.leaseKeys);
  try {
    if (await lessor.writeKeys(id, writer, () => !asker.ended)) return writer.finishRecords();
    throw new RequestError("CANCELED");
  } catch (error) {
    dropAnswer(writer);
    throw error;
  }
}

/** What a `LeaseInternalResponse` says, undefined if that is nothing. The keys are views on it. Throws WireError. */
export function* readInternalSteps(message: Uint8Array): Steps<LeaseStatusMessage | undefined> {
  const reader = new LeaseInternalReader(message);
  while (reader.read(STEP)) yield costOf(STEP, 0);
  return reader.status;
}
