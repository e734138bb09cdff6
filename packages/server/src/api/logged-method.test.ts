import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServerCall } from "@quorate/rpc/server";
import { Code } from "@quorate/rpc/status";
import { RestlessClock } from "@quorate/testkit/clock";
import { until } from "@quorate/testkit/wait";
import { decode } from "@quorate/wire";
import { type TxnResponse, TxnResponseSchema } from "@quorate/wire/etcdserverpb";
import { HeaderEncoder, RecordsTag, RecordsWriter, type TxnRequest } from "@quorate/wire/hot";
import { StateMachine, type StateMachineOptions } from "../apply/state-machine.ts";
import { bytes, op, PatientClock, put, putRequest, txnRequest } from "../mvcc/testing.ts";
import { NOBODY } from "../operations/caller.ts";
import { DELETE_RANGE } from "../operations/delete-range.ts";
import type { ClientOperation } from "../operations/operation.ts";
import { PUT } from "../operations/put.ts";
import { ResponseHeaders } from "../operations/response-headers.ts";
import { newState } from "../operations/testing.ts";
import { TXN } from "../operations/txn.ts";
import type { LoggedMethodContext } from "./context.ts";
import { LoggedMethod } from "./logged-method.ts";
import { OperationProposal } from "./operation-proposal.ts";

const KEYS = 2000;
/** A key of a step is looked at, and is one of 256. */
const STEPS = Math.floor(KEYS / 256);

/** A call as far as methods that go through the log use it, and what it was answered. */
class Call {
  ended = false;
  onCancel: (() => void) | undefined;
  answer: Uint8Array | undefined;
  status: string | undefined;

  whenAnswerRoom(begin: () => void): void {
    begin();
  }

  reply(message: Uint8Array): void {
    this.ended = true;
    this.answer = message.slice();
  }

  replyInParts(parts: readonly Uint8Array[], release: (part: Uint8Array) => void): void {
    this.reply(Buffer.concat(parts));
    for (const part of parts) release(part);
  }

  fail(code: number, message: string): void {
    this.ended = true;
    this.status = `${code} ${message}`;
  }

  failWith(error: unknown): void {
    this.fail(Code.UNKNOWN, `defect: ${error}`);
  }

  cancel(): void {
    this.ended = true;
    this.onCancel?.();
  }

  get txn(): TxnResponse {
    return decode(TxnResponseSchema, this.answer!);
  }
}

/** A member's state with many keys, and entries that are applied to it one after another. */
async function machineWithKeys(clock = new RestlessClock(), hasSpace = true) {
  const state = await newState(undefined, { clock, entryReadCost: 0 });
  const { backend, store } = state;
  for (let i = 0; i < KEYS; i++) put(store, `k${String(i).padStart(4, "0")}`, "v".repeat(100));
  const machine = new StateMachine({ clock, slowMs: 1e9, state } as unknown as StateMachineOptions);
  const headers = new ResponseHeaders(new HeaderEncoder(1n, 1n), 1n, 1n, { appliedTerm: 1 });
  const alarms = { list: () => [{ memberId: 1n }] };
  const quota = { fits: () => hasSpace };
  const context = {
    headers,
    quota,
    alarms,
    membership: { localId: 1n },
  } as unknown as LoggedMethodContext;
  let index = backend.consistentIndex;
  const apply = <Request, Outcome>(operation: ClientOperation<Request, Outcome>, request: Request) => {
    const call = new Call();
    const method = new LoggedMethod(operation, context);
    const data = new Uint8Array(0);
    const to = call as unknown as ServerCall;
    const proposal = new OperationProposal(data, operation, request, 0, NOBODY, method, to);
    const ends = machine.applyEntry({ type: 0, index: ++index, term: 1, data }, proposal);
    return { call, ends };
  };
  return { store, apply };
}

const all = op.range("k", "l");
const longTxns: { name: string; request: TxnRequest; keysFound: number[] }[] = [
  {
    name: "reads before it writes",
    request: txnRequest({ success: [all, op.put("k5")] }),
    keysFound: [KEYS],
  },
  {
    name: "writes before it reads",
    request: txnRequest({ success: [op.put("k5"), all] }),
    keysFound: [KEYS + 1],
  },
  {
    name: "reads, writes and reads",
    request: txnRequest({ success: [all, op.delete("k00", "k01"), all] }),
    keysFound: [KEYS, KEYS - 100],
  },
];
for (const { name, request, keysFound } of longTxns) {
  test(`a put behind a transaction that ${name} is applied before all of that is read`, async () => {
    const { store, apply } = await machineWithKeys();
    const { currentRevision } = store;
    const txn = apply(TXN, request);
    const later = apply(PUT, putRequest("k6"));
    // In this very turn: nothing is put off.
    assert.deepEqual([txn.ends, later.ends], [undefined, undefined]);
    assert.equal(store.currentRevision, currentRevision + 2);
    assert.ok(later.call.answer !== undefined);
    assert.equal(txn.call.ended, false);

    await until(() => txn.call.ended);
    const { applying, reading } = store.meters;
    assert.equal(applying.turns, 0);
    assert.ok(reading.turns >= STEPS, `${reading.turns} turns`);
    const { header, responses } = txn.call.txn;
    assert.equal(header!.revision, BigInt(currentRevision + 1));
    const counts = responses.flatMap(({ response }) =>
      response.case === "responseRange" ? [Number(response.value.count)] : [],
    );
    assert.deepEqual(counts, keysFound);
  });
}

test("a client that goes away while its transaction is read stops that", async () => {
  const { store, apply } = await machineWithKeys(new PatientClock());
  const { call } = apply(TXN, txnRequest({ success: [all, op.put("a")] }));
  put(store, "a", "later");
  const { done } = store.compact(store.currentRevision);
  call.cancel();
  await done;
  const { turns } = store.meters.reading;
  assert.ok(turns < STEPS, `${turns} turns`);
  assert.deepEqual([call.answer, call.status], [undefined, undefined]);
});

test("a transaction that is applied and cannot be read any more may have happened, for all that its client is told", async () => {
  const { store, apply } = await machineWithKeys();
  const { call } = apply(TXN, txnRequest({ success: [all, op.put("a")] }));
  await store.close();
  await until(() => call.ended);
  assert.equal(call.status, `${Code.UNAVAILABLE} etcdserver: request timed out`);
  assert.ok(store.get(Buffer.from("a")) !== undefined);
});

/** Records of more than half a block. */
const many = { key: bytes("k00"), rangeEnd: bytes("k03") };
const manyDeleted = op.delete("k00", "k03", { prevKv: true });
/** What it reads is changed behind that, so that it is read in the entry. */
const manyRead = [op.range("k00", "k03"), op.put("k01")];

const answers: {
  name: string;
  begin: (apply: Awaited<ReturnType<typeof machineWithKeys>>["apply"]) => { readonly call: Call };
}[] = [
  {
    name: "a range in a transaction",
    begin: (apply) => apply(TXN, txnRequest({ success: manyRead })),
  },
  {
    name: "a range in a transaction in another one",
    begin: (apply) => apply(TXN, txnRequest({ success: [op.txn({ success: manyRead })] })),
  },
  {
    name: "a range that is read behind its transaction",
    begin: (apply) => apply(TXN, txnRequest({ success: [op.range("k00", "k03"), op.put("a")] })),
  },
  {
    name: "what a transaction has deleted",
    begin: (apply) => apply(TXN, txnRequest({ success: [manyDeleted] })),
  },
  {
    name: "what was deleted",
    begin: (apply) => apply(DELETE_RANGE, { ...many, prevKv: true }),
  },
];
for (const hasSpace of [true, false]) {
  for (const { name, begin } of answers) {
    const what = hasSpace ? "answered with" : "not told for lack of space";
    test(`the memory of ${name} is used again when it was ${what}`, async () => {
      const block = nextBlock();
      const { apply } = await machineWithKeys(undefined, hasSpace);
      const { call } = begin(apply);
      await until(() => call.ended);
      assert.equal(call.answer === undefined, !hasSpace);
      assert.equal(nextBlock(), block);
    });
  }
}

/** The memory that the next records will be written to. */
function nextBlock(): ArrayBufferLike {
  const writer = new RecordsWriter(RecordsTag.rangeKvs);
  writer.begin(1);
  const { buffer } = writer.bytes;
  writer.clear();
  return buffer;
}
