import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import type { GrpcClient } from "@quorate/rpc/client";
import { until } from "@quorate/testkit/wait";
import { decode, encode } from "@quorate/wire";
import {
  AlarmRequestSchema,
  AlarmResponseSchema,
  CompactionRequestSchema,
  StatusResponseSchema,
} from "@quorate/wire/etcdserverpb";
import { AlarmType } from "../alarm/alarm-store.ts";
import { AlarmAction } from "../operations/alarm.ts";
import { Member } from "./member.ts";
import { connect, get, put } from "./testing.ts";

const root = mkdtempSync(path.join(tmpdir(), "quorate-space-quota-test-"));
after(() => rmSync(root, { recursive: true, force: true }));
const NO_BYTES = new Uint8Array(0);
const QUOTA_BYTES = 2 ** 20;
const NO_SPACE = /database space exceeded/;

async function status(client: GrpcClient) {
  return decode(StatusResponseSchema, await client.unary("/etcdserverpb.Maintenance/Status", NO_BYTES));
}

async function disarm(client: GrpcClient): Promise<void> {
  const [list, deactivate] = [AlarmAction.GET, AlarmAction.DEACTIVATE];
  const asked = encode(AlarmRequestSchema, { action: list });
  const { alarms } = decode(
    AlarmResponseSchema,
    await client.unary("/etcdserverpb.Maintenance/Alarm", asked),
  );
  assert.deepEqual(
    alarms.map(({ alarm }) => alarm),
    [AlarmType.NOSPACE],
  );
  const request = encode(AlarmRequestSchema, {
    action: deactivate,
    memberID: alarms[0]!.memberID,
    alarm: alarms[0]!.alarm,
  });
  await client.unary("/etcdserverpb.Maintenance/Alarm", request);
}

/** Puts one key again and again until there is no space. */
async function fill(client: GrpcClient): Promise<void> {
  const value = Buffer.alloc(10_000);
  const filling = async () => {
    for (let i = 0; i < 10_000; i++) await put(client, "jobs/1", value);
  };
  await assert.rejects(filling(), NO_SPACE);
}

async function compact(client: GrpcClient): Promise<void> {
  const { revision } = (await get(client, "jobs/1")).header!;
  await client.unary(
    "/etcdserverpb.KV/Compact",
    encode(CompactionRequestSchema, { revision, physical: true }),
  );
}

test("a compaction alone brings writes back, and the file may stay as large as it is", async () => {
  await using member = await Member.start({ dataDir: path.join(root, "1"), quotaBackendBytes: QUOTA_BYTES });
  const client = await connect(member);
  await fill(client);
  const { dbSize } = await status(client);
  await compact(client);
  await until(async () => (await status(client)).dbSizeInUse < QUOTA_BYTES / 2);
  await assert.rejects(put(client, "k", "v"), NO_SPACE, "the alarm is still there");
  await disarm(client);
  const again = await status(client);
  assert.ok(again.dbSize >= dbSize, "nothing was defragmented");
  assert.ok(again.dbSize >= QUOTA_BYTES * 0.9, "by the file's size there would be no space");
  for (let i = 0; i < 30; i++) await put(client, "jobs/1", Buffer.alloc(10_000));
  client.close();
});

test("with --quota-alarm-auto-disarm nobody needs to do more than compact", async () => {
  await using member = await Member.start({
    dataDir: path.join(root, "2"),
    quotaBackendBytes: QUOTA_BYTES,
    quotaAlarmAutoDisarm: true,
  });
  const client = await connect(member);
  await fill(client);
  await compact(client);
  await until(async () => (await status(client)).errors.length === 0);
  await put(client, "k", "v");
  client.close();
});
