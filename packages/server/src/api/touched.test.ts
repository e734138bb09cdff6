import assert from "node:assert/strict";
import test from "node:test";
import { encode } from "@quorate/wire";
import { AuthUserAddRequestSchema } from "@quorate/wire/etcdserverpb";
import { CampaignRequestSchema } from "@quorate/wire/v3electionpb";
import { LockRequestSchema } from "@quorate/wire/v3lockpb";
import { touchedBy } from "./touched.ts";

test("names that are bytes, and borrowed, are not kept: the calls that a lock makes tell of its keys", () => {
  const name = Buffer.from("planted");
  const lock = touchedBy("/v3lockpb.Lock/Lock", encode(LockRequestSchema, { name }));
  assert.deepEqual(lock.subject, {});
  const campaign = touchedBy("/v3electionpb.Election/Campaign", encode(CampaignRequestSchema, { name }));
  assert.deepEqual(campaign.subject, {});
});

test("a long name is cut", () => {
  const request = encode(AuthUserAddRequestSchema, { name: "u".repeat(5_000), password: "pw" });
  assert.deepEqual(touchedBy("/etcdserverpb.Auth/UserAdd", request).subject, { name: "u".repeat(1_024) });
});
