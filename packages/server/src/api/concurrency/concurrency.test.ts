import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { after, before } from "node:test";
import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { GrpcClient } from "@quorate/rpc/client";
import { Code, GrpcError } from "@quorate/rpc/status";
import { until } from "@quorate/testkit/wait";
import { decode, encode, METHODS } from "@quorate/wire";
import {
  CompactionRequestSchema,
  LeaseGrantRequestSchema,
  LeaseRevokeRequestSchema,
} from "@quorate/wire/etcdserverpb";
import {
  CampaignRequestSchema,
  CampaignResponseSchema,
  LeaderRequestSchema,
  LeaderResponseSchema,
  ProclaimRequestSchema,
  ProclaimResponseSchema,
  ResignRequestSchema,
  ResignResponseSchema,
} from "@quorate/wire/v3electionpb";
import {
  LockRequestSchema,
  LockResponseSchema,
  UnlockRequestSchema,
  UnlockResponseSchema,
} from "@quorate/wire/v3lockpb";
import { Member } from "../../member/member.ts";
import { connect, get, put } from "../../member/testing.ts";

const LONG_TTL = 1_000n;
const bytes = (text: string) => Buffer.from(text);
const text = (value: Uint8Array) => Buffer.from(value).toString();

const directory = mkdtempSync(path.join(tmpdir(), "quorate-concurrency-"));
let member: Member;
let client: GrpcClient;
let names = 0;

before(async () => {
  member = await Member.start({ dataDir: directory });
  client = await connect(member);
});
after(async () => {
  client.close();
  await member.close();
  rmSync(directory, { recursive: true, force: true });
});

async function ask<Request extends DescMessage, Response extends DescMessage>(
  from: GrpcClient,
  method: string,
  requestSchema: Request,
  request: MessageInitShape<Request>,
  responseSchema: Response,
): Promise<MessageShape<Response>> {
  return decode(responseSchema, await from.unary(method, encode(requestSchema, request)));
}

const lock = (from: GrpcClient, name: string, lease = 0n) =>
  ask(from, "/v3lockpb.Lock/Lock", LockRequestSchema, { name: bytes(name), lease }, LockResponseSchema);
const unlock = (key: Uint8Array) =>
  ask(client, "/v3lockpb.Lock/Unlock", UnlockRequestSchema, { key }, UnlockResponseSchema);
const ELECTION = "/v3electionpb.Election";
const campaign = (from: GrpcClient, name: string, value: string, lease: bigint) =>
  ask(
    from,
    `${ELECTION}/Campaign`,
    CampaignRequestSchema,
    { name: bytes(name), value: bytes(value), lease },
    CampaignResponseSchema,
  );
const proclaim = (request: MessageInitShape<typeof ProclaimRequestSchema>) =>
  ask(client, `${ELECTION}/Proclaim`, ProclaimRequestSchema, request, ProclaimResponseSchema);
const resign = (request: MessageInitShape<typeof ResignRequestSchema>) =>
  ask(client, `${ELECTION}/Resign`, ResignRequestSchema, request, ResignResponseSchema);
const leaderOf = (name: string) =>
  ask(client, `${ELECTION}/Leader`, LeaderRequestSchema, { name: bytes(name) }, LeaderResponseSchema);

async function grant(ID: bigint): Promise<bigint> {
  await client.unary(
    "/etcdserverpb.Lease/LeaseGrant",
    encode(LeaseGrantRequestSchema, { ID, TTL: LONG_TTL }),
  );
  return ID;
}
async function revoke(ID: bigint): Promise<void> {
  await client.unary("/etcdserverpb.Lease/LeaseRevoke", encode(LeaseRevokeRequestSchema, { ID }));
}
const exists = async (key: string) => (await get(client, key)).kvs.length === 1;

async function compactAll(): Promise<void> {
  const { header } = await get(client, "any");
  await client.unary(
    "/etcdserverpb.KV/Compact",
    encode(CompactionRequestSchema, { revision: header!.revision, physical: true }),
  );
}

/** A refusal as a client sees it. */
function refusal(code: number, details: string) {
  return (error: unknown) => {
    assert.ok(error instanceof GrpcError);
    assert.deepEqual([error.code, error.details], [code, details]);
    return true;
  };
}

/** Whether somebody waits behind the first key under `name`: watchers of keys that are not the test's own. */
const waits = (name: string, lease: bigint) => until(() => exists(`${name}/${lease.toString(16)}`));

test("every method of the two services is there", () => {
  const wanted = [...METHODS.values()].filter(({ service }) => /^v3(lock|election)pb/.test(service));
  assert.equal(wanted.length, 7);
  assert.deepEqual(
    wanted.flatMap(({ httpPaths }) => httpPaths).sort(),
    ["campaign", "leader", "observe", "proclaim", "resign"]
      .map((name) => `/v3/election/${name}`)
      .concat(["/v3/lock/lock", "/v3/lock/unlock"]),
  );
});

test("a lock goes to contenders in the order in which they came, each under a key that names its lease", async () => {
  const name = `lock${names++}`;
  const leases = [await grant(0x1da3n), await grant(0x1da4n), await grant(0x1da5n)];
  const first = await lock(client, name, leases[0]);
  assert.equal(text(first.key), `${name}/1da3`);
  const order: string[] = [];
  const others: Promise<unknown>[] = [];
  for (const lease of leases.slice(1)) {
    others.push(lock(client, name, lease).then(({ key }) => order.push(text(key))));
    await waits(name, lease);
  }
  // Whoever holds it has it again under the same key, with no revision spent.
  const again = await lock(client, name, leases[0]);
  assert.deepEqual([text(again.key), order], [`${name}/1da3`, []]);
  await unlock(first.key);
  await others[0];
  assert.deepEqual(order, [`${name}/1da4`]);
  assert.equal(await exists(`${name}/1da5`), true);
  await revoke(leases[1]!);
  await others[1];
  assert.deepEqual(order, [`${name}/1da4`, `${name}/1da5`]);
  // What is not there can be unlocked as well.
  await unlock(bytes("nothing"));
});

test("without a lease a lock gets one; with one that does not exist it is refused", async () => {
  const name = `lock${names++}`;
  const { key } = await lock(client, name);
  const lease = (await get(client, text(key))).kvs[0]!.lease;
  assert.equal(text(key), `${name}/${lease.toString(16)}`);
  await assert.rejects(
    lock(client, name, 77n),
    refusal(Code.NOT_FOUND, "etcdserver: requested lease not found"),
  );
});

test("when a client goes away that waits for a lock, its key goes, and whoever came later is next", async () => {
  const name = `lock${names++}`;
  const leases = [await grant(101n), await grant(102n), await grant(103n)];
  const held = await lock(client, name, leases[0]);
  const leaving = await connect(member);
  const given = lock(leaving, name, leases[1]).catch(() => "gone");
  await waits(name, leases[1]!);
  const last = lock(client, name, leases[2]);
  await waits(name, leases[2]!);
  leaving.close();
  assert.equal(await given, "gone");
  await until(async () => !(await exists(`${name}/66`)));
  await unlock(held.key);
  assert.equal(text((await last).key), `${name}/67`);
});

test("whoever waits with a lease that ends is told that its session is over", async () => {
  const name = `lock${names++}`;
  const [holding, waiting] = [await grant(201n), await grant(202n)];
  const held = await lock(client, name, holding);
  const outcome = assert.rejects(
    lock(client, name, waiting),
    refusal(Code.UNKNOWN, "mutex: session is expired"),
  );
  await waits(name, waiting);
  await revoke(waiting);
  await unlock(held.key);
  await outcome;
});

test("waiting survives the compaction of what is waited for", async () => {
  const name = `lock${names++}`;
  const [holding, waiting] = [await grant(301n), await grant(302n)];
  const held = await lock(client, name, holding);
  const next = lock(client, name, waiting);
  await waits(name, waiting);
  for (let i = 0; i < 3; i++) {
    await put(client, "other", String(i));
    await compactAll();
  }
  await unlock(held.key);
  assert.equal(text((await next).key), `${name}/12e`);
});

test("an election has one leader, who proclaims and resigns; the next one is elected then", async () => {
  const name = `election${names++}`;
  const leases = [await grant(401n), await grant(402n)];
  await assert.rejects(leaderOf(name), refusal(Code.UNKNOWN, "election: no leader"));
  const { leader, header } = await campaign(client, name, "a", leases[0]!);
  assert.deepEqual(
    [text(leader!.name), text(leader!.key), leader!.rev, leader!.lease],
    [name, `${name}/191`, header!.revision, leases[0]],
  );
  assert.equal(text((await leaderOf(name)).kv!.value), "a");
  // Whoever campaigns again with another value proclaims it.
  assert.equal((await campaign(client, name, "b", leases[0]!)).leader!.rev, leader!.rev);
  assert.equal(text((await leaderOf(name)).kv!.value), "b");

  const next = campaign(client, name, "c", leases[1]!);
  await waits(name, leases[1]!);
  await proclaim({ leader: leader!, value: bytes("d") });
  const before = await leaderOf(name);
  assert.deepEqual([text(before.kv!.value), before.kv!.lease], ["d", leases[0]]);
  await resign({ leader: leader! });
  const second = await next;
  assert.equal(text(second.leader!.key), `${name}/192`);
  assert.ok(
    second.header!.revision < (await leaderOf(name)).header!.revision,
    "the header is that of coming",
  );
  await assert.rejects(
    proclaim({ leader: leader!, value: bytes("e") }),
    refusal(Code.UNKNOWN, "election: not leader"),
  );
  // Who does not lead any more resigns all the same.
  await resign({ leader: { ...leader!, key: second.leader!.key } });
  assert.equal(text((await leaderOf(name)).kv!.value), "c");
  for (const call of [proclaim({ value: bytes("f") }), resign({})]) {
    await assert.rejects(call, refusal(Code.UNKNOWN, '"leader" field must be provided'));
  }
});

test("a candidate that goes away is no candidate any more", async () => {
  const name = `election${names++}`;
  const leases = [await grant(501n), await grant(502n)];
  await campaign(client, name, "a", leases[0]!);
  const leaving = await connect(member);
  const given = campaign(leaving, name, "b", leases[1]!).catch(() => "gone");
  await waits(name, leases[1]!);
  leaving.close();
  assert.equal(await given, "gone");
  await until(async () => !(await exists(`${name}/1f6`)));
  assert.equal(text((await leaderOf(name)).kv!.value), "a");
});

test("an observer is told of the first leader, of what is proclaimed, and of later leaders, whatever is compacted", async () => {
  const name = `election${names++}`;
  const leases = [await grant(601n), await grant(602n)];
  const seen: string[] = [];
  const observer = client.stream(`${ELECTION}/Observe`);
  observer.onMessage = (message) => {
    const { kv, header } = decode(LeaderResponseSchema, message);
    assert.ok(header!.revision >= kv!.modRevision);
    seen.push(text(kv!.value));
  };
  observer.send(encode(LeaderRequestSchema, { name: bytes(name) }));
  observer.halfClose();
  const { leader } = await campaign(client, name, "a", leases[0]!);
  await until(() => seen.length === 1);
  await proclaim({ leader: leader!, value: bytes("b") });
  await until(() => seen.length === 2);
  const next = campaign(client, name, "c", leases[1]!);
  await waits(name, leases[1]!);
  await compactAll();
  await resign({ leader: leader! });
  await next;
  await until(() => seen.length === 3);
  assert.deepEqual(seen, ["a", "b", "c"]);
  observer.cancel();
});

test("what waits ends with its client: no watcher is left", async () => {
  const watchers = async () => {
    const metrics = await (await fetch(`${member.clientUrls[0]}/metrics`)).text();
    return Number(/^etcd_debugging_mvcc_watch_stream_total (\d+)$/m.exec(metrics)![1]);
  };
  const name = `lock${names++}`;
  await until(async () => (await watchers()) === 0);
  const held = await lock(client, name, await grant(701n));
  const leaving = await connect(member);
  const given = lock(leaving, name, await grant(702n)).catch(() => "gone");
  const observer = leaving.stream(`${ELECTION}/Observe`);
  observer.send(encode(LeaderRequestSchema, { name: bytes("nobody's") }));
  observer.halfClose();
  await until(async () => (await watchers()) === 2);
  leaving.close();
  await given;
  await until(async () => (await watchers()) === 0);
  await unlock(held.key);
});
