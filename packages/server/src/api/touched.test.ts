import assert from "node:assert/strict";
import test from "node:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { encode } from "@quorate/wire";
import {
  AlarmRequestSchema,
  AuthUserAddRequestSchema,
  MemberAddRequestSchema,
} from "@quorate/wire/etcdserverpb";
import { CheckRequestSchema } from "@quorate/wire/quorate";
import {
  CampaignRequestSchema,
  LeaderRequestSchema,
  ProclaimRequestSchema,
  ResignRequestSchema,
} from "@quorate/wire/v3electionpb";
import { LockRequestSchema, UnlockRequestSchema } from "@quorate/wire/v3lockpb";
import { touchedBy } from "./touched.ts";

test("locks and elections are about keys, and not about the names that these are made of, which are borrowed", () => {
  const name = Buffer.from("planted");
  const leader = { name, key: Buffer.from("planted/7"), rev: 1n, lease: 7n };
  const cases: [path: string, request: Uint8Array, keys: string[], lease?: bigint][] = [
    [
      "v3lockpb.Lock/Lock",
      encode(LockRequestSchema, { name }),
      ["read planted/ planted0", "write planted/ planted0"],
    ],
    [
      "v3lockpb.Lock/Lock",
      encode(LockRequestSchema, { name, lease: 7n }),
      ["read planted/ planted0", "write planted/7 "],
      7n,
    ],
    ["v3lockpb.Lock/Unlock", encode(UnlockRequestSchema, { key: leader.key }), ["write planted/7 "]],
    [
      "v3electionpb.Election/Campaign",
      encode(CampaignRequestSchema, { name, lease: 7n }),
      ["read planted/ planted0", "write planted/7 "],
      7n,
    ],
    ["v3electionpb.Election/Leader", encode(LeaderRequestSchema, { name }), ["read planted/ planted0"]],
    ["v3electionpb.Election/Observe", encode(LeaderRequestSchema, { name }), ["read planted/ planted0"]],
    [
      "v3electionpb.Election/Proclaim",
      encode(ProclaimRequestSchema, { leader }),
      ["read planted/7 ", "write planted/7 "],
    ],
    [
      "v3electionpb.Election/Resign",
      encode(ResignRequestSchema, { leader }),
      ["read planted/7 ", "write planted/7 "],
    ],
  ];
  for (const [path, request, wanted, wantedLease] of cases) {
    const { keys, lease, subject } = touchedBy(`/${path}`, request);
    // What was received is overwritten by what comes next.
    request.fill(0);
    const named = keys.map(
      ({ kind, key, rangeEnd }) => `${kind} ${Buffer.from(key)} ${Buffer.from(rangeEnd)}`,
    );
    assert.deepEqual(
      { path, named, lease, subject },
      { path, named: wanted, lease: wantedLease, subject: {} },
    );
  }
});

test("of an alarm its member is named, and of a question whom and what it is about", () => {
  const alarm = encode(AlarmRequestSchema, { action: 1, memberID: 0xabcn, alarm: 1 });
  const { subject } = touchedBy("/etcdserverpb.Maintenance/Alarm", alarm);
  assert.deepEqual(subject, { action: 1, memberID: "abc", alarm: 1 });
  const about = (request: MessageInitShape<typeof CheckRequestSchema>) =>
    touchedBy("/quorate.v1.Access/Check", encode(CheckRequestSchema, request)).subject;
  const value = { key: Buffer.from("planted") };
  assert.deepEqual(about({ user: "u", request: { case: "put", value } }), { user: "u", asked: "put" });
  const method = "/etcdserverpb.Maintenance/Snapshot";
  assert.deepEqual(about({ request: { case: "method", value: method } }), { asked: method });
});

test("of many URLs the first ones are named, and long ones are cut", () => {
  const peerURLs = Array.from({ length: 20 }, (_, i) => `http://${i}${"x".repeat(5_000)}`);
  const { subject } = touchedBy(
    "/etcdserverpb.Cluster/MemberAdd",
    encode(MemberAddRequestSchema, { peerURLs }),
  );
  assert.deepEqual(subject.peerURLs, [
    ...peerURLs.slice(0, 8).map((url) => url.slice(0, 1_024)),
    "and 12 more",
  ]);
});

test("a long name is cut", () => {
  const request = encode(AuthUserAddRequestSchema, { name: "u".repeat(5_000), password: "pw" });
  assert.deepEqual(touchedBy("/etcdserverpb.Auth/UserAdd", request).subject, { name: "u".repeat(1_024) });
});
