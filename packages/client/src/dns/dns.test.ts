import assert from "node:assert/strict";
import test from "node:test";
import { type Dns, inOrder, type SrvRecord, systemDns } from "./dns.ts";
import { discoverEndpoints, hostAndPort, serviceName } from "./service-endpoints.ts";

function record(target: string, changed: Partial<SrvRecord> = {}): SrvRecord {
  return { target, port: 2379, priority: 0, weight: 0, ...changed };
}

const heavy = record("heavy", { weight: 90 });
const light = record("light", { weight: 10 });
const weightless = record("weightless");
const later = record("later", { priority: 5, weight: 1_000 });

const orders: { name: string; drawn: number; want: SrvRecord[] }[] = [
  { name: "the lowest share draws what has no weight", drawn: 0, want: [weightless, light, heavy, later] },
  { name: "a small share draws the lighter one", drawn: 0.05, want: [light, heavy, weightless, later] },
  { name: "a large share draws the heavier one", drawn: 0.9, want: [heavy, light, weightless, later] },
];
for (const { name, drawn, want } of orders) {
  test(`${name}, and a priority comes before any weight`, () => {
    assert.deepEqual(
      inOrder([later, heavy, weightless, light], () => drawn),
      want,
    );
  });
}

test("no records have no order", () => assert.deepEqual(inOrder([], Math.random), []));

/** Knows the records of services, and no addresses. */
function dnsOf(services: Record<string, SrvRecord[]>): Dns {
  return {
    async records(service) {
      const found = services[service];
      if (found === undefined) throw new Error(`lookup ${service}: no such host`);
      return found;
    },
    async address(host) {
      throw new Error(`lookup ${host}: no such host`);
    },
  };
}

const discoveries = [
  {
    name: "both services",
    services: {
      "_etcd-client-ssl._tcp.d": [record("a"), record("b", { port: 1 })],
      "_etcd-client._tcp.d": [record("c")],
    },
    suffix: "",
    want: ["https://a:2379", "https://b:1", "http://c:2379"],
  },
  {
    name: "the one that there is",
    services: { "_etcd-client._tcp.d": [record("fe80::1")] },
    suffix: "",
    want: ["http://[fe80::1]:2379"],
  },
  {
    name: "the ones with a suffix",
    services: { "_etcd-client._tcp.d": [record("c")], "_etcd-client-ssl-blue._tcp.d": [record("b")] },
    suffix: "blue",
    want: ["https://b:2379"],
  },
];
for (const { name, services, suffix, want } of discoveries) {
  test(`endpoints are those of ${name}`, async () => {
    const found = await discoverEndpoints(dnsOf(services), "d", suffix);
    assert.deepEqual(
      found.map(({ url }) => url),
      want,
    );
  });
}

test("a domain that knows of neither service is an error that tells of both", async () => {
  await assert.rejects(
    discoverEndpoints(dnsOf({}), "d", ""),
    new Error(
      "dns lookup errors: lookup _etcd-client-ssl._tcp.d: no such host and lookup _etcd-client._tcp.d: no such host",
    ),
  );
});

test("names of services, and of hosts with ports", () => {
  assert.equal(serviceName("etcd-server", "", "d"), "_etcd-server._tcp.d");
  assert.equal(serviceName("etcd-server-ssl", "x", "d"), "_etcd-server-ssl-x._tcp.d");
  assert.equal(hostAndPort(record("h")), "h:2379");
  assert.equal(hostAndPort(record("::1")), "[::1]:2379");
});

test("this machine knows its own address, and tells of a name that it does not know", async () => {
  assert.equal(await systemDns.address("127.0.0.1"), "127.0.0.1");
  await assert.rejects(systemDns.address("quorate.invalid"), /^Error: lookup quorate\.invalid: /);
});
