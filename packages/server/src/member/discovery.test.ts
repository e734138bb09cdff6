/** Clusters that begin by discovery, with members that find each other. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { Client } from "@quorate/client";
import type { Dns } from "@quorate/client/dns";
import { freePorts } from "@quorate/testkit/ports";
import type { ServiceDiscovery } from "../config/discovery.ts";
import { DiscoveryError } from "../discovery/discovery-error.ts";
import { makeCertificate, writeTls } from "../tls/testing.ts";
import { Member, type MemberHooks } from "./member.ts";
import type { MemberOptions } from "./options.ts";

const root = mkdtempSync(path.join(tmpdir(), "quorate-discovery-"));
after(() => rmSync(root, { recursive: true, force: true }));

/** For an answer, on a machine that does many other things as well. */
const PATIENCE_MS = 60_000;
const TOKEN = "6c007a14875d53d9bf0ef5a6fc0257c8";
const SIZE_KEY = `/_etcd/registry/${TOKEN}/_config/size`;

function serviceAt(member: Member, changed: Partial<ServiceDiscovery> = {}): ServiceDiscovery {
  return {
    kind: "service",
    token: TOKEN,
    endpoints: member.clientUrls,
    dialTimeoutMs: 2_000,
    requestTimeoutMs: 30_000,
    keepaliveTimeMs: 2_000,
    keepaliveTimeoutMs: 6_000,
    tls: { certFile: "", keyFile: "", caFile: "", insecureTransport: true, skipVerification: false },
    credentials: undefined,
    ...changed,
  };
}

/** A cluster whose members are told no more than where they listen, and how they find each other. */
async function startAll(
  size: number,
  given: Partial<MemberOptions>,
  hooks: (ports: readonly number[]) => MemberHooks = () => ({}),
): Promise<Member[]> {
  const ports = await freePorts(size);
  return Promise.all(
    ports.map((port, i) =>
      Member.start(
        {
          name: `m${i}`,
          dataDir: path.join(mkdtempSync(path.join(root, "member-")), "data"),
          listenPeerUrls: [`http://127.0.0.1:${port}`],
          initialAdvertisePeerUrls: [`http://127.0.0.1:${port}`],
          ...given,
        },
        hooks(ports),
      ),
    ),
  );
}

async function startAlone(given: Partial<MemberOptions> = {}): Promise<Member> {
  return Member.start({ dataDir: path.join(mkdtempSync(path.join(root, "service-")), "data"), ...given });
}

/** What one member says of all of them, once another one has answered a write. */
async function namesOf(members: readonly Member[]): Promise<string[]> {
  await using first = new Client({ endpoints: members[0]!.clientUrls, requestTimeoutMs: PATIENCE_MS });
  await using last = new Client({ endpoints: members.at(-1)!.clientUrls, requestTimeoutMs: PATIENCE_MS });
  await first.kv.put({ key: "key", value: "value" });
  assert.equal((await last.kv.range({ key: "key" })).kvs.length, 1);
  const list = await last.cluster.listMembers();
  return list.members.map(({ name }) => name).sort();
}

async function closeAll(members: readonly Member[]): Promise<void> {
  await Promise.all(members.map((member) => member.close()));
}

test("three members begin a cluster by what they have registered in another one", async () => {
  await using service = await startAlone();
  await using client = new Client({ endpoints: service.clientUrls, requestTimeoutMs: PATIENCE_MS });
  await client.kv.put({ key: SIZE_KEY, value: "3" });
  const members = await startAll(3, { discovery: serviceAt(service) });
  try {
    assert.deepEqual(await namesOf(members), ["m0", "m1", "m2"]);
    const fourth = startAll(1, { discovery: serviceAt(service) });
    await assert.rejects(
      fourth,
      (error) =>
        error instanceof DiscoveryError &&
        error.message === "failed to join discovery cluster (discovery: cluster is full)",
    );
  } finally {
    await closeAll(members);
  }
});

const ca = makeCertificate({ commonName: "ca", isCa: true });
const certificate = makeCertificate({ commonName: "server", names: ["127.0.0.1"], issuer: ca });

test("the service may want certificates and passwords", async (t) => {
  const { settings } = writeTls(t, certificate, ca);
  const service = await startAlone({ listenClientUrls: ["https://127.0.0.1:0"], clientTls: settings });
  t.after(() => service.close());
  const secured = new Client({
    endpoints: service.clientUrls,
    requestTimeoutMs: PATIENCE_MS,
    tls: { ca: ca.certPem, cert: certificate.certPem, key: certificate.keyPem },
  });
  t.after(() => secured.close());
  await secured.kv.put({ key: SIZE_KEY, value: "1" });
  await secured.auth.addUser({ name: "root", password: "secret" });
  await secured.auth.grantRole({ user: "root", role: "root" });
  await secured.auth.enable();
  const tls = {
    certFile: settings.certFile,
    keyFile: settings.keyFile,
    caFile: settings.trustedCaFile,
    insecureTransport: true,
    skipVerification: false,
  };
  const credentials = { user: "root", password: "secret" };
  const members = await startAll(1, { discovery: serviceAt(service, { tls, credentials }) });
  t.after(() => closeAll(members));
  assert.deepEqual(await namesOf(members), ["m0"]);
});

test("a member does not start with certificates that it cannot read", async () => {
  await using service = await startAlone();
  const missing = path.join(root, "missing.pem");
  const tls = {
    certFile: "",
    keyFile: "",
    caFile: missing,
    insecureTransport: true,
    skipVerification: false,
  };
  await assert.rejects(
    startAll(1, { discovery: serviceAt(service, { tls }) }),
    (error) => error instanceof DiscoveryError && error.message.includes(missing),
  );
});

test("a member that has begun takes no notice of the service any more", async () => {
  const service = await startAlone();
  await using client = new Client({ endpoints: service.clientUrls, requestTimeoutMs: PATIENCE_MS });
  await client.kv.put({ key: SIZE_KEY, value: "1" });
  const [member] = await startAll(1, { discovery: serviceAt(service) });
  const { config } = member!;
  await member!.close();
  await service.close();
  await using again = await Member.start(config);
  assert.deepEqual(await namesOf([again]), ["m0"]);
});

test("records of a domain name the members of a cluster", async () => {
  const domain = (ports: readonly number[]): Dns => ({
    async records(name) {
      if (name !== "_etcd-server-blue._tcp.example.com") throw new Error(`lookup ${name}: no such host`);
      return ports.map((port) => ({ target: "127.0.0.1", port, priority: 0, weight: 0 }));
    },
    address: async (host) => host,
  });
  const discovery = { kind: "srv", domain: "example.com", serviceSuffix: "blue" } as const;
  const members = await startAll(3, { discovery }, (ports) => ({ dns: domain(ports) }));
  try {
    assert.deepEqual(await namesOf(members), ["m0", "m1", "m2"]);
  } finally {
    await closeAll(members);
  }
});
