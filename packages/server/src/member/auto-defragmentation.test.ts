import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import type { GrpcClient } from "@quorate/rpc/client";
import { freePorts } from "@quorate/testkit/ports";
import { until } from "@quorate/testkit/wait";
import { decode, encode } from "@quorate/wire";
import { CompactionRequestSchema, StatusResponseSchema } from "@quorate/wire/etcdserverpb";
import { type LogFields, type Logger, silentLogger } from "../log/logger.ts";
import { Member } from "./member.ts";
import { connect, get, put } from "./testing.ts";

const root = mkdtempSync(path.join(tmpdir(), "quorate-auto-defragmentation-test-"));
after(() => rmSync(root, { recursive: true, force: true }));
const INTERVAL_MS = 2_000;
const FREE_PERCENT = 60;

async function status(client: GrpcClient) {
  const response = await client.unary("/etcdserverpb.Maintenance/Status", new Uint8Array(0));
  return decode(StatusResponseSchema, response);
}

test("three members that were compacted get small again, the leader last, and one that is down is left out", async () => {
  const told: [by: string, message: string, fields: LogFields][] = [];
  const ports = await freePorts(3);
  const initialCluster = ports.map((port, i) => ({ name: `m${i}`, peerUrls: [`http://127.0.0.1:${port}`] }));
  const start = ({ name, peerUrls }: (typeof initialCluster)[number]) => {
    const info = (message: string, fields: LogFields = {}) => void told.push([name, message, fields]);
    const logger: Logger = { ...silentLogger, info, warn: info, for: () => logger };
    return Member.start(
      {
        name,
        dataDir: path.join(root, name),
        listenPeerUrls: peerUrls,
        initialAdvertisePeerUrls: peerUrls,
        initialCluster,
        heartbeatMs: 50,
        electionTicks: 10,
        autoDefragmentation: { intervalMs: INTERVAL_MS, freePercent: FREE_PERCENT },
      },
      { logger },
    );
  };
  const members = await Promise.all(initialCluster.map(start));
  const clients = await Promise.all(members.map(connect));
  try {
    for (let i = 0; i < 200; i++) await put(clients[0]!, "jobs/1", Buffer.alloc(10_000));
    const { revision } = (await get(clients[0]!, "jobs/1")).header!;
    const compaction = encode(CompactionRequestSchema, { revision, physical: true });
    await clients[0]!.unary("/etcdserverpb.KV/Compact", compaction);
    await until(async () => {
      const all = await Promise.all(clients.map(status));
      return all.every(({ dbSize }) => dbSize < 1_000_000n);
    });
    for (const client of clients) assert.equal((await get(client, "jobs/1")).kvs[0]!.value.length, 10_000);
    const ended = (from: number) =>
      told.findIndex(([, message], i) => i >= from && message.endsWith("has ended"));
    await until(() => ended(0) >= 0);

    const all = await Promise.all(clients.map(status));
    const down = all.findIndex(({ header, leader }) => header!.memberId !== leader);
    clients[down]!.close();
    await members[down]!.close();
    const from = told.length;
    const isLeftOut = (message: string) => /it does not answer|not waited for any longer/.test(message);
    const leftOut = () => told.findIndex(([, message], i) => i >= from && isLeftOut(message));
    await until(() => leftOut() >= 0 && ended(leftOut()) >= 0);
    const end = ended(leftOut());
    const [leader] = told[end]!;
    const id = all[members.findIndex(({ config }) => config.name === leader)]!.header!.memberId;
    assert.equal(told[end - 1]![2]["member-id"], id.toString(16), "the leader is the last");
  } finally {
    for (const client of clients) client.close();
    await Promise.all(members.map((member) => member.close()));
  }
});

test("a member that starts again knows when its last turn was; one without an interval keeps nothing", async () => {
  const dataDir = path.join(root, "again");
  const file = path.join(dataDir, "member", "last-defragmentation");
  const options = { dataDir, heartbeatMs: 50, electionTicks: 10 };
  await (await Member.start(options)).close();
  assert.ok(!existsSync(file));
  let ended = 0;
  const info = (message: string) => void (message.endsWith("members has ended") && ended++);
  const logger: Logger = { ...silentLogger, info, for: () => logger };
  const rarely = { intervalMs: 24 * 3_600_000, freePercent: FREE_PERCENT };
  await (await Member.start({ ...options, autoDefragmentation: rarely })).close();
  const first = readFileSync(file, "utf8");
  const often = { intervalMs: 200, freePercent: FREE_PERCENT };
  const member = await Member.start({ ...options, autoDefragmentation: often }, { logger });
  await until(() => ended > 0);
  await member.close();
  const text = readFileSync(file, "utf8");
  assert.ok(text > first, "ISO times are in order as texts");
  await (await Member.start({ ...options, autoDefragmentation: rarely })).close();
  assert.equal(readFileSync(file, "utf8"), text);
});
