import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@quorate/rpc/status";
import { encode } from "@quorate/wire";
import {
  MemberAddRequestSchema,
  MemberListRequestSchema,
  MemberPromoteRequestSchema,
  MemberRemoveRequestSchema,
  MemberUpdateRequestSchema,
} from "@quorate/wire/etcdserverpb";
import type { Access } from "../operations/access.ts";
import { OPEN_ACCESS } from "../operations/open-access.testing.ts";
import { OneUser } from "../operations/testing.ts";
import { ClusterHarness, settle, testMember } from "./cluster-context.testing.ts";
import { addClusterService } from "./cluster-service.ts";
import { localCalls } from "./local-calls.ts";
import { Services } from "./services.ts";

const peerURLs = ["http://10.0.0.9:2380"];
const requests = [
  { method: "MemberAdd", message: encode(MemberAddRequestSchema, { peerURLs }), need: "an administrator" },
  {
    method: "MemberRemove",
    message: encode(MemberRemoveRequestSchema, { ID: 2n }),
    need: "an administrator",
  },
  {
    method: "MemberUpdate",
    message: encode(MemberUpdateRequestSchema, { ID: 2n, peerURLs }),
    need: "an administrator",
  },
  {
    method: "MemberPromote",
    message: encode(MemberPromoteRequestSchema, { ID: 4n }),
    need: "an administrator",
  },
  { method: "MemberList", message: encode(MemberListRequestSchema, { linearizable: true }), need: "a user" },
];

/** What a call of a member of a cluster of three and a learner, 4, ends with. */
async function call(access: Access, method: string, message: Uint8Array) {
  const cluster = new ClusterHarness([1, 2, 3, 4].map((id) => testMember(id, { isLearner: id === 4 })));
  cluster.membership.applyVersion("3.7.0");
  cluster.connectAll(60_000);
  for (const { id } of cluster.membership.members) cluster.consensus.matches.set(id, 10);
  const services = new Services(cluster.context);
  addClusterService(services, { ...cluster.context, access });
  const ended: unknown[] = [];
  const sink = {
    onMessage: () => {},
    onParts: () => assert.fail("an answer in parts"),
    onPauseReading: () => {},
    onResumeReading: () => {},
    onEnd: (code: number) => void ended.push(code),
  };
  const calls = localCalls(services, cluster.clock, 1_000);
  calls.start(`/etcdserverpb.Cluster/${method}`, new Map(), Number.POSITIVE_INFINITY, sink).send(message);
  await settle();
  return { ended, changes: cluster.confChanges.length };
}

for (const { method, message, need } of requests) {
  test(`${method} is for ${need}, and for everybody where there are no users`, async () => {
    const access = new OneUser("root");
    assert.deepEqual(await call(access, method, message), { ended: [Code.CANCELLED], changes: 0 });
    assert.deepEqual(access.needed, [need]);
    const changes = method === "MemberList" ? 0 : 1;
    assert.deepEqual(await call(OPEN_ACCESS, method, message), { ended: [Code.OK], changes });
  });
}

test("a member to be added with URLs that are none is refused whoever asks", async () => {
  const access = new OneUser("root");
  const message = encode(MemberAddRequestSchema, { peerURLs: ["nowhere"] });
  assert.deepEqual(await call(access, "MemberAdd", message), { ended: [Code.INVALID_ARGUMENT], changes: 0 });
  assert.deepEqual(access.needed, []);
});
