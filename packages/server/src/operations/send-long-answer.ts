import type { ServerCall } from "@quorate/rpc/server";
import { costOf } from "@quorate/storage/slices";
import { encodeRangeEnd, RecordsTag, RecordsWriter } from "@quorate/wire/hot";
import { dropAnswer, releaseAnswerPart } from "../answer-memory.ts";
import { RequestError, statusOf } from "../errors.ts";
import { successorOf } from "../keys/bytes.ts";
import type { RangeOutcome } from "../mvcc/range.ts";
import { recordKey } from "../mvcc/record.ts";
import type { MvccStore } from "../mvcc/store.ts";
import type { LongAnswer, RestOfAnswer } from "./long-answer.ts";

/** What is read in one go at most, but for the last record. */
const CHUNK_BYTES = 2 ** 19;
const CHUNK_RECORDS = 4096;
const DIFFERS = "what was read again at a revision differs from what was read there before";

/** A call that takes its answer piece by piece. */
export interface PatientCall extends ServerCall {
  readonly beginReply: NonNullable<ServerCall["beginReply"]>;
  readonly continueReply: NonNullable<ServerCall["continueReply"]>;
}

export function isPatient(call: ServerCall): call is PatientCall {
  return call.beginReply !== undefined;
}

/** Sends the beginning of an answer, and reads and sends the rest as the client takes it. */
export class LongAnswerSender {
  readonly #store: MvccStore;
  readonly #call: PatientCall;
  readonly #answer: LongAnswer;
  readonly #rest: RestOfAnswer;
  readonly #end: Uint8Array;
  #key: Uint8Array;
  #recordsLeft: number;
  #bytesLeft: number;
  #isWaiting = false;

  constructor(
    store: MvccStore,
    call: PatientCall,
    answer: LongAnswer,
    rest: RestOfAnswer,
    { more, count }: RangeOutcome,
  ) {
    this.#store = store;
    this.#call = call;
    this.#answer = answer;
    this.#rest = rest;
    this.#end = encodeRangeEnd(more, count);
    this.#key = rest.request.key;
    this.#recordsLeft = rest.records;
    this.#bytesLeft = rest.bytes;
  }

  /** `beginning`: header and records; `release` is for its parts. */
  start(beginning: readonly Uint8Array[], release: (part: Uint8Array) => void): void {
    const call = this.#call;
    let length = this.#bytesLeft + this.#end.length;
    for (const part of beginning) length += part.length;
    call.onDrain = () => this.#sendLater();
    call.onCancel = () => this.#answer.close();
    // A call releases all parts in one way; whoever reckons with what is held hears only of that.
    const wasHeld = new Set(beginning);
    const hasRoom = call.beginReply(length, beginning, (part) => {
      if (wasHeld.delete(part)) release(part);
      else releaseAnswerPart(part);
    });
    if (call.ended) this.#answer.close();
    else if (hasRoom) this.#sendLater();
  }

  /** Shares the turns with all long reads. */
  #sendLater(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    void this.#store.reading.next().then(() => {
      this.#isWaiting = false;
      if (this.#call.ended) this.#answer.close();
      else this.#sendSome();
    });
  }

  #sendSome(): void {
    const call = this.#call;
    try {
      let hasRoom = true;
      for (const part of this.#read()) hasRoom = call.continueReply(part);
      if (this.#recordsLeft > 0) {
        if (hasRoom) this.#sendLater();
        return;
      }
      if (this.#bytesLeft !== 0) throw new Error(DIFFERS);
      if (this.#end.length > 0) call.continueReply(this.#end);
      call.end();
    } catch (error) {
      const status = statusOf(error);
      if (status === undefined) call.failWith(error);
      else call.fail(...status);
    }
    this.#answer.close();
  }

  #read(): Uint8Array[] {
    const { request, view } = this.#rest;
    if (view.isGivenUp) throw new RequestError("COMPACTED");
    const limit = Math.min(this.#recordsLeft, CHUNK_RECORDS);
    const writer = new ChunkWriter();
    try {
      this.#store.chunkInto({ ...request, key: this.#key, limit }, writer, CHUNK_BYTES);
      const { count, size } = writer;
      if (count === 0 || size > this.#bytesLeft) throw new Error(DIFFERS);
      this.#recordsLeft -= count;
      this.#bytesLeft -= size;
      this.#key = writer.keyBehind;
      this.#store.reading.spend(costOf(count, size));
      return writer.finishRecords();
    } catch (error) {
      dropAnswer(writer);
      throw error;
    }
  }
}

/** Knows the last record. */
class ChunkWriter extends RecordsWriter {
  #at = 0;
  #length = 0;

  constructor() {
    super(RecordsTag.rangeKvs);
  }

  override begin(length: number): number {
    this.#length = length;
    this.#at = super.begin(length);
    return this.#at;
  }

  /** The first key that may follow. */
  get keyBehind(): Uint8Array {
    return successorOf(recordKey(this.bytes, this.#at, this.#at + this.#length));
  }
}
