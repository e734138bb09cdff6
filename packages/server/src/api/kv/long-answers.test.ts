import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { GrpcClient } from "@quorate/rpc/client";
import { decode, encode } from "@quorate/wire";
import { CompactionRequestSchema, RangeRequestSchema, RangeResponseSchema } from "@quorate/wire/etcdserverpb";
import { Member } from "../../member/member.ts";
import { connect, put } from "../../member/testing.ts";

const VALUE_BYTES = 300_000;
const KEYS = 30;
const READERS = 40;
const MIB = 2 ** 20;

const EVERYTHING = { key: Buffer.from([0]), rangeEnd: Buffer.from([0]) };

interface Reading {
  readonly answer: Promise<Uint8Array>;
  resume(): void;
}

/** A range whose client does not take its answer until it is told to. */
function readLater(client: GrpcClient, limit: number): Reading {
  const stream = client.stream("/etcdserverpb.KV/Range");
  const answer = new Promise<Uint8Array>((resolve, reject) => {
    let received: Uint8Array | undefined;
    stream.onMessage = (message) => {
      received = message.slice();
    };
    stream.onEnd = ({ code, details }) =>
      code === 0 && received !== undefined ? resolve(received) : reject(new Error(details));
  });
  stream.pauseReading();
  stream.send(encode(RangeRequestSchema, { ...EVERYTHING, limit: BigInt(limit) }));
  stream.halfClose();
  return { answer, resume: () => stream.resumeReading() };
}

/** How much they hold when nothing more is read. */
async function buffersAtRest(): Promise<number> {
  let last = -1;
  for (let equal = 0; equal < 5; ) {
    await pause(50);
    const { arrayBuffers } = process.memoryUsage();
    equal = Math.abs(arrayBuffers - last) < MIB ? equal + 1 : 0;
    last = arrayBuffers;
  }
  return last;
}

test("answers that clients do not take hold little, and are what they were when they were asked for", async () => {
  const dataDir = mkdtempSync(path.join(tmpdir(), "quorate-long-answers-"));
  try {
    await using member = await Member.start({ dataDir });
    const client = await connect(member);
    for (let i = 0; i < KEYS; i++) await put(client, `key${i}`, String(i % 10).repeat(VALUE_BYTES));
    const asked = await client.unary("/etcdserverpb.KV/Range", encode(RangeRequestSchema, EVERYTHING));
    const wanted = decode(RangeResponseSchema, asked.slice());
    const limited = KEYS - 3;

    const before = process.memoryUsage().arrayBuffers;
    const clients = await Promise.all(Array.from({ length: READERS }, () => connect(member)));
    const readings = clients.map((each, i) => readLater(each, i % 2 === 0 ? 0 : limited));
    const held = (await buffersAtRest()) - before;
    await put(client, "key0", "another");
    await put(client, "key00", "new");
    assert.ok(held < 250 * MIB, `${Math.round(held / MIB)} MiB are held for ${READERS} answers of 9 MB`);

    for (const { resume } of readings) resume();
    const answers = (await Promise.all(readings.map(({ answer }) => answer))).map((each) =>
      decode(RangeResponseSchema, each),
    );
    for (const [i, { kvs, more, count, header }] of answers.entries()) {
      assert.equal(count, BigInt(KEYS));
      assert.equal(more, i % 2 === 1);
      assert.equal(header!.revision, wanted.header!.revision);
      assert.deepEqual(kvs, i % 2 === 0 ? wanted.kvs : wanted.kvs.slice(0, limited));
    }
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});

test("clients that go away in the middle of a long answer leave nothing behind", async () => {
  const dataDir = mkdtempSync(path.join(tmpdir(), "quorate-long-answers-"));
  try {
    await using member = await Member.start({ dataDir });
    const client = await connect(member);
    for (let i = 0; i < KEYS; i++) await put(client, `key${i}`, "v".repeat(VALUE_BYTES));
    const clients = await Promise.all(Array.from({ length: READERS }, () => connect(member)));
    const readings = clients.map((each) => readLater(each, 0));
    await buffersAtRest();
    for (const each of clients) each.close();
    await Promise.allSettled(readings.map(({ answer }) => answer));
    // A compaction waits for reads below it: there are none any more.
    await put(client, "key0", "another");
    await client.unary(
      "/etcdserverpb.KV/Compact",
      encode(CompactionRequestSchema, { revision: BigInt(KEYS + 2), physical: true }),
    );
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});
