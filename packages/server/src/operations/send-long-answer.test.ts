import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import {
  encodeKeyValue,
  encodeRangeResponse,
  type RangeRequest,
  type RecordsWriter,
} from "@quorate/wire/hot";
import type { MvccStore } from "../mvcc/store.ts";
import { LongAnswer } from "./long-answer.ts";
import { LongAnswerSender, type PatientCall } from "./send-long-answer.ts";

const REQUEST = { key: Buffer.from("k"), rangeEnd: Buffer.from("l"), revision: 0, limit: 0 };
const HEADER = Uint8Array.of(0x18, 9);
const AT = 7;
/** As many of a MiB as one answer holds. */
const HELD = 63;

function record(i: number, bytes: number = 2 ** 20): Uint8Array {
  return encodeKeyValue(
    Buffer.from(`k${String(i).padStart(3, "0")}`),
    2,
    2,
    1,
    new Uint8Array(bytes).fill(i),
    0n,
  );
}

function write(sink: RecordsWriter, bytes: Uint8Array): void {
  const at = sink.begin(bytes.length);
  sink.bytes.set(bytes, at);
}

/** Sends an answer of 66 records, of which the last three are measured; `again` has what is read of them then. */
async function send(again: readonly Uint8Array[], isGivenUp = false) {
  const left = [...again];
  const asked: string[] = [];
  let open = 0;
  const store = {
    reading: { next: () => Promise.resolve(), spend: () => false },
    openView: () => {
      open++;
      return { revision: AT, isGivenUp };
    },
    closeView: () => void open--,
    chunkInto(request: RangeRequest, sink: RecordsWriter) {
      asked.push(`${Buffer.from(request.key)} at ${request.revision}, ${request.limit} left`);
      const next = left.shift();
      if (next !== undefined) write(sink, next);
    },
  } as unknown as MvccStore;
  const answer = new LongAnswer(store, REQUEST as unknown as RangeRequest);
  answer.readsAt(AT as Parameters<LongAnswer["readsAt"]>[0]);
  for (let i = 0; i < HELD + 3; i++) write(answer, record(i));
  const rest = answer.endCollecting()!;
  const { size } = answer;
  const sent: Uint8Array[] = [];
  const told: (number | string)[] = [];
  const call = {
    ended: false,
    beginReply(length: number, parts: readonly Uint8Array[]) {
      told.push(length);
      sent.push(...parts);
      return true;
    },
    continueReply: (part: Uint8Array) => sent.push(part) > 0,
    end: () => void told.push("end"),
    fail: (code: number, text: string) => void told.push(code, text),
    failWith: (error: Error) => void told.push(error.message),
  };
  const outcome = { more: true, count: 70, revision: 9 } as ConstructorParameters<typeof LongAnswerSender>[4];
  const sender = new LongAnswerSender(store, call as unknown as PatientCall, answer, rest, outcome);
  sender.start(answer.finishBeginning(HEADER), () => {});
  for (let i = 0; i < 10; i++) await nextTurn();
  return { sent, told, asked, size, openViews: open };
}

const LAST = [record(HELD), record(HELD + 1), record(HELD + 2)];

test("what was only measured is read again, chunk by chunk behind the last key, and is the rest of the answer", async () => {
  const { sent, told, asked, openViews } = await send(LAST);
  const kvs = Array.from({ length: HELD + 3 }, (_, i) => record(i));
  const whole = encodeRangeResponse(HEADER, kvs, true, 70);
  assert.deepEqual(told, [whole.length, "end"]);
  assert.equal(Buffer.compare(Buffer.concat(sent), whole), 0);
  assert.deepEqual(asked, ["k062\0 at 7, 3 left", "k063\0 at 7, 2 left", "k064\0 at 7, 1 left"]);
  assert.equal(openViews, 0);
});

const failures = [
  {
    name: "a compaction that has waited too long",
    again: LAST,
    isGivenUp: true,
    want: [11, "etcdserver: mvcc: required revision has been compacted"],
  },
  { name: "a record that is gone", again: LAST.slice(0, 2) },
  { name: "a longer record", again: [...LAST.slice(0, 2), record(HELD + 2, 2 ** 20 + 1)] },
  { name: "a shorter record", again: [...LAST.slice(0, 2), record(HELD + 2, 2 ** 20 - 1)] },
];
for (const { name, again, isGivenUp = false, want } of failures) {
  test(`${name} fails the call, and nothing is kept for it`, async () => {
    const { told, openViews } = await send(again, isGivenUp);
    assert.deepEqual(
      told.slice(1),
      want ?? ["what was read again at a revision differs from what was read there before"],
    );
    assert.equal(openViews, 0);
  });
}
