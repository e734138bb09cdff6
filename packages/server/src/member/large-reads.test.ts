import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { until } from "@quorate/testkit/wait";
import { decode } from "@quorate/wire";
import { RangeResponseSchema } from "@quorate/wire/etcdserverpb";
import { encodeRangeRequest } from "@quorate/wire/hot";
import { rangeRequest } from "../mvcc/testing.ts";
import { Member } from "./member.ts";
import { connect, get, put } from "./testing.ts";

const root = mkdtempSync(path.join(tmpdir(), "quorate-large-reads-test-"));
after(() => rmSync(root, { recursive: true, force: true }));
const KEYS = 1_500;
const ALL = encodeRangeRequest(rangeRequest({ key: Buffer.from("k"), rangeEnd: Buffer.from("l") }));

async function largeReads(member: Member) {
  const text = await (await fetch(`${member.clientUrls[0]}/metrics`)).text();
  const count = (state: string) =>
    Number(new RegExp(`^quorate_large_reads\\{state="${state}"\\} (\\d+)$`, "m").exec(text)?.[1]);
  const held = Number(/^quorate_large_answer_bytes (\d+)$/m.exec(text)?.[1]);
  return { reading: count("reading"), waiting: count("waiting"), held };
}

test("with turns for one long range at a time all are answered, over gRPC and JSON, also behind those that go away", async () => {
  await using member = await Member.start({
    dataDir: path.join(root, "1"),
    maxLargeReads: 1,
    maxLargeAnswerBytes: 2 ** 20,
  });
  const client = await connect(member);
  const value = Buffer.alloc(2_000);
  await Promise.all(Array.from({ length: KEYS }, (_, i) => put(client, `k${i}`, value)));
  const leaving = await connect(member);
  const left = Array.from({ length: 20 }, () =>
    leaving.unary("/etcdserverpb.KV/Range", ALL).then(
      () => "answered",
      () => "gone",
    ),
  );
  const answers = Array.from({ length: 10 }, () => client.unary("/etcdserverpb.KV/Range", ALL));
  const body = JSON.stringify({ key: "aw==", range_end: "bA==" });
  const json = fetch(`${member.clientUrls[0]}/v3/kv/range`, { method: "POST", body });
  leaving.close();
  assert.equal((await get(client, "k7")).kvs[0]!.value.length, value.length, "what is small does not wait");
  for (const answer of await Promise.all(answers)) {
    assert.equal(decode(RangeResponseSchema, answer).kvs.length, KEYS);
  }
  const { kvs } = (await (await json).json()) as { kvs: unknown[] };
  assert.equal(kvs.length, KEYS);
  await Promise.all(left);
  await until(async () => {
    const { held, reading, waiting } = await largeReads(member);
    return held === 0 && reading === 0 && waiting === 0;
  });
  client.close();
});
