/**
 * Clusters that begin by v3 discovery, across programs: our members through a registry that a real etcd keeps, etcd's
 * through one of ours. `node scripts/run-suite.ts discovery`
 */
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { Client } from "@quorate/client";
import { realEtcd } from "@quorate/testkit/etcd";
import { Server } from "@quorate/testkit/process";
import { repositoryRoot } from "@quorate/testkit/target";

const SIZE = 3;
const TOKEN = "6c007a14875d53d9bf0ef5a6fc0257c8";
const REGISTRY = `/_etcd/registry/${TOKEN}`;
/** On a machine that does many other things as well. */
const PATIENCE_MS = 60_000;

const etcd = realEtcd();
const skip = "missing" in etcd ? etcd.missing : false;
const COMMANDS = {
  ours: [path.join(repositoryRoot, "bin/etcd")],
  "etcd's": ["found" in etcd ? etcd.found.etcd : ""],
} as const;
type Program = keyof typeof COMMANDS;

interface Case {
  readonly name: string;
  readonly service: Program;
  readonly members: readonly Program[];
}
const cases: readonly Case[] = [
  {
    name: "three members of ours, by a registry in etcd",
    service: "etcd's",
    members: ["ours", "ours", "ours"],
  },
  {
    name: "three members of etcd, by a registry in ours",
    service: "ours",
    members: ["etcd's", "etcd's", "etcd's"],
  },
];
for (const { name, service, members } of cases) {
  test(`${name}: they serve, and a fourth is told that the cluster is full`, { skip }, async () => {
    await using stack = new AsyncDisposableStack();
    const registry = stack.use(await Server.start({ command: COMMANDS[service], name: "registry" }));
    await using client = clientOf(registry);
    await client.kv.put({ key: `${REGISTRY}/_config/size`, value: String(SIZE) });
    const create = async (program: Program, i: number) =>
      stack.use(
        await Server.create({
          command: COMMANDS[program],
          name: `m${i}`,
          clusterArgs: ["--discovery-token", TOKEN, "--discovery-endpoints", registry.endpoint],
          startTimeoutMs: PATIENCE_MS,
        }),
      );
    const servers = await Promise.all(members.map(create));
    await Promise.all(servers.map((server) => server.start()));
    await checkServed(servers);

    const registered = await client.kv.range({
      key: `${REGISTRY}/members/`,
      rangeEnd: `${REGISTRY}/members0`,
    });
    assert.deepEqual(
      registered.kvs.map(({ value }) => Buffer.from(value).toString()).sort(),
      servers.map(({ name, peerPort }) => `${name}=http://127.0.0.1:${peerPort}`),
    );
    const told = {
      ours: await refusal(await create("ours", 4)),
      etcd: await refusal(await create("etcd's", 4)),
    };
    assert.deepEqual(told.ours, told.etcd);
    assert.deepEqual(told.ours, {
      code: 1,
      error: "failed to join discovery cluster (discovery: cluster is full)",
      token: TOKEN,
      endpoints: [registry.endpoint],
      advice: true,
    });
    const after = await client.kv.range({ key: `${REGISTRY}/members/`, rangeEnd: `${REGISTRY}/members0` });
    assert.equal(after.kvs.length, SIZE, "who is refused does not register");
  });
}

function clientOf(server: Server): Client {
  return new Client({ endpoints: [`http://${server.endpoint}`], requestTimeoutMs: PATIENCE_MS });
}

/** Each takes a write that each of them reads, and all know of each other. */
async function checkServed(servers: readonly Server[]): Promise<void> {
  const names = servers.map(({ name }) => name);
  for (const server of servers) {
    await using client = clientOf(server);
    await client.kv.put({ key: server.name, value: "served" });
    const { members } = await client.cluster.listMembers();
    assert.deepEqual(members.map((member) => member.name).sort(), names);
  }
  for (const server of servers) {
    await using client = clientOf(server);
    const { kvs } = await client.kv.range({ key: "m", rangeEnd: "n" });
    assert.deepEqual(
      kvs.map(({ key }) => Buffer.from(key).toString()),
      names,
    );
  }
}

/** What a member that may not join says, and how it ends. */
async function refusal(server: Server) {
  server.spawn();
  const { code } = await server.exited;
  const lines = server.tail
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const told = lines.find(({ msg }) => msg === "failed to bootstrap; discovery token was already used");
  return {
    code,
    error: told?.error,
    token: told?.["discovery-token"],
    endpoints: told?.["discovery-endpoints"],
    advice: lines.some(({ msg }) => String(msg).startsWith("do not reuse discovery token")),
  };
}
