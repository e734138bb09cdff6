import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { after } from "node:test";
import type { GrpcClient } from "@quorate/rpc/client";
import { decode, encode } from "@quorate/wire";
import {
  RangeRequestSchema,
  type RangeResponse,
  RangeResponseSchema,
  TxnRequestSchema,
  type TxnResponse,
  TxnResponseSchema,
} from "@quorate/wire/etcdserverpb";
import { Member } from "../../member/member.ts";
import { connect, put } from "../../member/testing.ts";

const KEYS = 1200;
const VALUE = "v".repeat(400);
const TRANSACTIONS = 6;

const directory = mkdtempSync(path.join(tmpdir(), "quorate-txn-"));
after(() => rmSync(directory, { recursive: true, force: true }));

const bytes = (text: string) => Buffer.from(text);
const ALL = { key: bytes("k"), rangeEnd: bytes("l") };
const base64 = (text: Uint8Array) => Buffer.from(text).toString("base64");

const putOp = (key: string, value: string) => ({
  request: { case: "requestPut" as const, value: { key: bytes(key), value: bytes(value) } },
});
const rangeOp = (fields: object = {}) => ({
  request: { case: "requestRange" as const, value: { ...ALL, ...fields } },
});

async function range(client: GrpcClient, revision: bigint): Promise<RangeResponse> {
  const request = encode(RangeRequestSchema, { ...ALL, revision });
  return decode(RangeResponseSchema, await client.unary("/etcdserverpb.KV/Range", request));
}

/** What the ranges of a transaction found, also those inside. */
function rangesOf({ responses }: TxnResponse): RangeResponse[] {
  return responses.flatMap(({ response }) => {
    if (response.case === "responseTxn") return rangesOf(response.value);
    return response.case === "responseRange" ? [response.value] : [];
  });
}

test("transactions that write and read much are answered as of their revisions, whatever is written meanwhile", async () => {
  await using member = await Member.start({ dataDir: directory });
  const client = await connect(member);
  try {
    for (let first = 0; first < KEYS; first += 100) {
      const keys = Array.from({ length: 100 }, (_, i) => `k${String(first + i).padStart(4, "0")}`);
      const success = keys.map((key) => putOp(key, VALUE));
      await client.unary("/etcdserverpb.KV/Txn", encode(TxnRequestSchema, { success }));
    }
    const answers = await Promise.all(
      Array.from({ length: TRANSACTIONS }, async (_, i) => {
        const inner = { case: "requestTxn" as const, value: { success: [rangeOp(), putOp("z", `${i}`)] } };
        const success = [
          rangeOp(),
          putOp(`k${i}`, `value ${i}`),
          { request: inner },
          rangeOp({ sortOrder: 2, sortTarget: 3, limit: 7n }),
        ];
        const answer = client.unary("/etcdserverpb.KV/Txn", encode(TxnRequestSchema, { success }));
        await put(client, `k${i}`, "later");
        return decode(TxnResponseSchema, await answer);
      }),
    );
    for (const [i, answer] of answers.entries()) {
      const { revision } = answer.header!;
      const [before, inside, newest] = rangesOf(answer);
      const [atBefore, atRevision] = [await range(client, revision - 1n), await range(client, revision)];
      assert.deepEqual([before!.kvs, before!.count], [atBefore.kvs, atBefore.count]);
      assert.deepEqual([inside!.kvs, inside!.count], [atRevision.kvs, atRevision.count]);
      assert.deepEqual(
        [before, inside, newest].map((each) => each!.header!.revision),
        [revision - 1n, revision, revision],
      );
      assert.equal(Buffer.from(newest!.kvs[0]!.value).toString(), `value ${i}`);
      assert.deepEqual([newest!.kvs.length, newest!.count, newest!.more], [7, atRevision.count, true]);
    }

    const body = {
      success: [
        { request_put: { key: base64(bytes("k")), value: base64(bytes("json")) } },
        { request_range: { key: base64(ALL.key), range_end: base64(ALL.rangeEnd) } },
      ],
    };
    const response = await fetch(`${member.clientUrls[0]}/v3/kv/txn`, {
      method: "POST",
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(60_000),
    });
    const told = (await response.json()) as {
      header: { revision: string };
      responses: [
        unknown,
        { response_range: { kvs: { key: string; mod_revision: string }[]; count: string } },
      ];
    };
    const wanted = await range(client, BigInt(told.header.revision));
    const { kvs, count } = told.responses[1].response_range;
    assert.deepEqual(
      kvs.map((kv) => [kv.key, BigInt(kv.mod_revision)]),
      wanted.kvs.map((kv) => [base64(kv.key), kv.modRevision]),
    );
    assert.equal(BigInt(count), wanted.count);

    const metrics = await (await fetch(`${member.clientUrls[0]}/metrics`)).text();
    assert.match(metrics, /^quorate_unanswered_txns_total 0$/m);
    const turns = /^quorate_turns_of_long_work_total\{work="reading"\} (\d+)$/m.exec(metrics);
    assert.ok(Number(turns![1]) >= TRANSACTIONS, metrics);
  } finally {
    client.close();
  }
});
