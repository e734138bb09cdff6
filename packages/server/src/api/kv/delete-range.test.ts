import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { after } from "node:test";
import { decode, encode } from "@quorate/wire";
import { DeleteRangeRequestSchema, DeleteRangeResponseSchema } from "@quorate/wire/etcdserverpb";
import { parseFlags } from "../../config/parse-flags.ts";
import { makeServerConfig } from "../../config/server-config.ts";
import { Member } from "../../member/member.ts";
import { connect, put } from "../../member/testing.ts";

const directory = mkdtempSync(path.join(tmpdir(), "quorate-delete-range-"));
after(() => rmSync(directory, { recursive: true, force: true }));

test("a deletion answers with what it deleted if it is asked to, however much that is", async () => {
  const flags = [
    `--data-dir=${directory}`,
    "--listen-peer-urls=http://127.0.0.1:0",
    "--listen-client-urls=http://127.0.0.1:0",
    "--advertise-client-urls=http://127.0.0.1:0",
  ];
  await using member = await Member.start(makeServerConfig(parseFlags(flags, {})));
  const client = await connect(member);
  const remove = async (key: string, rangeEnd: string, prevKv: boolean) => {
    const request = { key: Buffer.from(key), rangeEnd: Buffer.from(rangeEnd), prevKv };
    const response = await client.unary(
      "/etcdserverpb.KV/DeleteRange",
      encode(DeleteRangeRequestSchema, request),
    );
    return decode(DeleteRangeResponseSchema, response);
  };
  try {
    const keys = Array.from({ length: 500 }, (_, i) => `k${String(i).padStart(3, "0")}`);
    for (const key of keys) await put(client, key, `${key} `.repeat(200));
    const { revision } = (await remove("none", "", true)).header!;
    for (const [key, rangeEnd, prevKv, deleted] of [
      ["k001", "", false, 1],
      ["k000", "", true, 1],
      ["k1", "k2", false, 100],
      ["k", "l", true, 398],
      ["k", "l", true, 0],
    ] as const) {
      const response = await remove(key, rangeEnd, prevKv);
      assert.equal(response.deleted, BigInt(deleted));
      assert.equal(response.prevKvs.length, prevKv ? deleted : 0);
      for (const kv of response.prevKvs) {
        const name = Buffer.from(kv.key).toString();
        assert.equal(Buffer.from(kv.value).toString(), `${name} `.repeat(200));
      }
      assert.ok(deleted === 0 || response.header!.revision > revision);
    }
  } finally {
    client.close();
  }
});
