import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import type { GrpcClient } from "@quorate/rpc/client";
import { DEFAULT_SLICE_LIMITS } from "@quorate/storage/slices";
import { encode } from "@quorate/wire";
import { RangeRequestSchema } from "@quorate/wire/etcdserverpb";
import { Member } from "../../member/member.ts";
import { connect, put } from "../../member/testing.ts";

const VALUE_BYTES = 300_000;
const KEYS = 30;
const STREAMS = 12;

/** All that a stream of every key brings, in bytes. */
function read(client: GrpcClient): Promise<number> {
  return new Promise((resolve, reject) => {
    const stream = client.stream("/etcdserverpb.KV/RangeStream");
    let bytes = 0;
    stream.onMessage = (message) => {
      bytes += message.length;
    };
    stream.onEnd = ({ code, details }) => (code === 0 ? resolve(bytes) : reject(new Error(details)));
    stream.send(encode(RangeRequestSchema, { key: Buffer.from([0]), rangeEnd: Buffer.from([0]) }));
    stream.halfClose();
  });
}

test("however many streams there are, a turn of the loop reads as much as for one", async () => {
  const dataDir = mkdtempSync(path.join(tmpdir(), "quorate-range-stream-"));
  try {
    await using member = await Member.start({ dataDir });
    const client = await connect(member);
    for (let i = 0; i < KEYS; i++) await put(client, `key${i}`, "v".repeat(VALUE_BYTES));
    const metrics = async (name: string): Promise<number> => {
      const text = await (await fetch(`${member.clientUrls[0]}/metrics`)).text();
      return Number(new RegExp(`^${name}\\{work="reading"\\} (\\d+)$`, "m").exec(text)![1]);
    };
    await metrics("quorate_turn_work_most_bytes");

    // Each on a connection of its own: they drain in the same turns.
    const clients = await Promise.all(Array.from({ length: STREAMS }, () => connect(member)));
    const lengths = await Promise.all(clients.map(read));
    for (const length of lengths) assert.ok(length > KEYS * VALUE_BYTES);

    const most = await metrics("quorate_turn_work_most_bytes");
    // One chunk more may come on top, which is a MiB and a value.
    const limit = 2 * DEFAULT_SLICE_LIMITS.turn + 2 * VALUE_BYTES;
    assert.ok(most >= VALUE_BYTES, `${most}`);
    assert.ok(most <= limit, `${most}`);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});
