import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { decode, encode } from "@quorate/wire";
import {
  AuthRoleAddRequestSchema,
  AuthUserAddRequestSchema,
  AuthUserGrantRoleRequestSchema,
  CompactionRequestSchema,
  LeaseGrantRequestSchema,
  LeaseKeepAliveRequestSchema,
  LeaseRevokeRequestSchema,
  LeaseTimeToLiveRequestSchema,
  LeaseTimeToLiveResponseSchema,
  PutRequestSchema,
  RangeRequestSchema,
  RangeResponseSchema,
} from "@quorate/wire/etcdserverpb";
import { DUTIES } from "../operations/access.ts";
import { Member } from "./member.ts";
import { connect } from "./testing.ts";
import { type Ask, addUser, login, mustDo, overGrpc, overJson } from "./ways-to-ask.testing.ts";

const put = encode(PutRequestSchema, { key: Buffer.from("k"), lease: 7n });
const read = encode(RangeRequestSchema, { key: Buffer.from("k") });

/** A user for each duty, with the roles that etcd's tools make; `run` is given a token of each, and root's. */
async function withUsers(
  administrativeRoles: boolean,
  run: (ways: Readonly<Record<string, Ask>>, tokens: Readonly<Record<string, string>>) => Promise<void>,
): Promise<void> {
  const dataDir = mkdtempSync(path.join(tmpdir(), "quorate-administrative-roles-"));
  const settings = { bcryptCost: 4, heartbeatMs: 20, electionTicks: 10 };
  await using member = await Member.start({ dataDir, administrativeRoles, ...settings });
  const grpc = await connect(member);
  try {
    const ask = overGrpc(grpc);
    await addUser(ask, "root", []);
    for (const name of DUTIES) {
      const role = `quorate:${name}`;
      await mustDo(ask, "Auth/UserAdd", encode(AuthUserAddRequestSchema, { name, password: "pw" }));
      await mustDo(ask, "Auth/RoleAdd", encode(AuthRoleAddRequestSchema, { name: role }));
      const grant = { user: name, role };
      await mustDo(ask, "Auth/UserGrantRole", encode(AuthUserGrantRoleRequestSchema, grant));
    }
    await mustDo(ask, "Auth/AuthEnable");
    const tokens: Record<string, string> = {};
    for (const name of ["root", ...DUTIES]) tokens[name] = await login(ask, name);
    await run({ gRPC: ask, JSON: overJson(member.clientUrls[0]!) }, tokens);
  } finally {
    grpc.close();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

test("each duty is done by who has it, and by nobody else but root", async () => {
  await withUsers(true, async (ways, tokens) => {
    for (const [way, ask] of Object.entries(ways)) {
      await mustDo(
        ask,
        "Lease/LeaseGrant",
        encode(LeaseGrantRequestSchema, { ID: 7n, TTL: 1_000n }),
        tokens.root,
      );
      await mustDo(ask, "KV/Put", put, tokens.root);
      const { header } = decode(RangeResponseSchema, await mustDo(ask, "KV/Range", read, tokens.root));
      const compaction = encode(CompactionRequestSchema, { revision: header!.revision });
      const lease = encode(LeaseTimeToLiveRequestSchema, { ID: 7n, keys: true });
      const cases = [
        ["compaction", "KV/Compact", compaction],
        ["compaction", "Maintenance/Defragment"],
        ["snapshots", "Maintenance/Snapshot"],
        ["snapshots", "Maintenance/HashKV"],
        ["members", "Cluster/MemberRemove"],
        ["leases", "Lease/LeaseTimeToLive", lease],
        ["leases", "Lease/LeaseLeases"],
        ["leases", "Lease/LeaseKeepAlive", encode(LeaseKeepAliveRequestSchema, { ID: 7n })],
        ["leases", "Lease/LeaseRevoke", encode(LeaseRevokeRequestSchema, { ID: 7n })],
      ] as const;
      for (const [duty, method, message] of cases) {
        for (const other of DUTIES) {
          if (other === duty) continue;
          const { failure } = await ask(method, message, tokens[other]);
          assert.equal(failure, "PERMISSION_DENIED", `${way}: ${method} by ${other}`);
        }
        const { failure, answer } = await ask(method, message, tokens[duty]);
        // There is no member 0 to remove: that is said to who may.
        const want = method === "Cluster/MemberRemove" ? "MEMBER_NOT_FOUND" : "none";
        assert.equal(failure, want, `${way}: ${method}`);
        if (method === "Lease/LeaseTimeToLive") {
          assert.equal(decode(LeaseTimeToLiveResponseSchema, answer).keys.length, 1);
        }
      }
      const { count } = decode(RangeResponseSchema, await mustDo(ask, "KV/Range", read, tokens.root));
      assert.equal(count, 0n);
      for (const duty of DUTIES) {
        assert.equal((await ask("KV/Range", read, tokens[duty])).failure, "PERMISSION_DENIED");
        assert.equal((await ask("Auth/UserList", undefined, tokens[duty])).failure, "PERMISSION_DENIED");
      }
    }
  });
});

test("without the flag these are roles like any other", async () => {
  await withUsers(false, async ({ gRPC: ask }, tokens) => {
    await mustDo(
      ask!,
      "Lease/LeaseGrant",
      encode(LeaseGrantRequestSchema, { ID: 7n, TTL: 1_000n }),
      tokens.root,
    );
    await mustDo(ask!, "KV/Put", put, tokens.root);
    for (const [duty, method, message] of [
      ["compaction", "KV/Compact"],
      ["snapshots", "Maintenance/Snapshot"],
      ["members", "Cluster/MemberRemove"],
      ["leases", "Lease/LeaseRevoke", encode(LeaseRevokeRequestSchema, { ID: 7n })],
    ] as const) {
      assert.equal((await ask!(method, message, tokens[duty])).failure, "PERMISSION_DENIED", method);
    }
  });
});
