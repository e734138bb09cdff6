import assert from "node:assert/strict";
import test from "node:test";
import type { Dns, SrvRecord } from "@quorate/client/dns";
import { silentLogger } from "../log/logger.ts";
import { membersOfDomain } from "./srv-members.ts";

const SECURE = "_etcd-server-ssl._tcp.example.com";
const PLAIN = "_etcd-server._tcp.example.com";
const ADDRESSES: Readonly<Record<string, string>> = {
  "a.example.com": "10.0.0.1",
  "b.example.com": "10.0.0.2",
  "c.example.com": "fe80::3",
  "10.0.0.1": "10.0.0.1",
  "fe80::3": "fe80::3",
};

function record(target: string, port = 2380): SrvRecord {
  return { target, port, priority: 0, weight: 0 };
}

function dnsOf(services: Record<string, readonly SrvRecord[]>): Dns {
  return {
    async records(service) {
      const found = services[service];
      if (found === undefined) throw new Error(`lookup ${service}: no such host`);
      return found;
    },
    async address(host) {
      const found = ADDRESSES[host];
      if (found === undefined) throw new Error(`lookup ${host}: no such host`);
      return found;
    },
  };
}

interface Case {
  readonly name: string;
  readonly services: Record<string, readonly SrvRecord[]>;
  readonly suffix?: string;
  readonly advertised?: string[];
}

function ask({ services, suffix = "", advertised = ["http://10.0.0.1:2380"] }: Case) {
  const settings = { kind: "srv", domain: "example.com", serviceSuffix: suffix } as const;
  const question = { settings, name: "me", advertisedUrls: advertised };
  return membersOfDomain(dnsOf(services), question, silentLogger);
}

const A = record("a.example.com");
const B = record("b.example.com");
const C = record("c.example.com");

const found: (Case & { want: Record<string, string[]> })[] = [
  {
    name: "the local one under its name, the others under numbers",
    services: { [PLAIN]: [B, A, C] },
    want: {
      "0": ["http://b.example.com:2380"],
      me: ["http://a.example.com:2380"],
      "1": ["http://c.example.com:2380"],
    },
  },
  {
    name: "the service with TLS, before the one without",
    services: { [SECURE]: [C], [PLAIN]: [A] },
    want: { "0": ["https://c.example.com:2380"], me: ["http://a.example.com:2380"] },
  },
  {
    name: "two URLs of the local one, in order",
    services: { [SECURE]: [record("c.example.com", 1), A] },
    advertised: ["https://10.0.0.1:2380", "https://[fe80::3]:1"],
    want: { me: ["https://a.example.com:2380", "https://c.example.com:1"] },
  },
  {
    name: "a service with a suffix",
    services: { "_etcd-server-blue._tcp.example.com": [A], [PLAIN]: [B] },
    suffix: "blue",
    want: { me: ["http://a.example.com:2380"] },
  },
  {
    name: "those that have an address",
    services: { [PLAIN]: [record("nowhere.example.com"), A] },
    want: { me: ["http://a.example.com:2380"] },
  },
  {
    name: "none whose scheme is not the one that is advertised",
    services: { [SECURE]: [A], [PLAIN]: [A, B] },
    want: { me: ["http://a.example.com:2380"], "0": ["http://b.example.com:2380"] },
  },
];
for (const { want, ...given } of found) {
  test(`members are ${given.name}`, async () => {
    const members = await ask(given);
    assert.deepEqual(
      members.map(({ name, peerUrls }) => [name, peerUrls]).sort(),
      Object.entries(want).sort(),
    );
  });
}

const refused: (Case & { want: string })[] = [
  {
    name: "nobody knows either service",
    services: {},
    want:
      `error querying DNS SRV records for _etcd-server-ssl lookup ${SECURE}: no such host\n` +
      `error querying DNS SRV records for _etcd-server lookup ${PLAIN}: no such host`,
  },
  {
    name: "nobody knows them with the suffix",
    services: { [PLAIN]: [A] },
    suffix: "x",
    want:
      "error querying DNS SRV records for _etcd-server-ssl-x lookup _etcd-server-ssl-x._tcp.example.com: no such host\n" +
      "error querying DNS SRV records for _etcd-server-x lookup _etcd-server-x._tcp.example.com: no such host",
  },
  {
    name: "the local one is none of them",
    services: { [PLAIN]: [B] },
    want: 'cannot find local etcd member "me" in SRV records',
  },
  {
    name: "nothing is left",
    services: { [SECURE]: [A] },
    want:
      "error querying DNS SRV records for _etcd-server-ssl bootstrap at https://a.example.com:2380 from DNS for " +
      "etcd-server-ssl has scheme mismatch with expected peer http://10.0.0.1:2380\n" +
      `error querying DNS SRV records for _etcd-server lookup ${PLAIN}: no such host`,
  },
  {
    name: "what is advertised leads nowhere",
    services: { [PLAIN]: [A] },
    advertised: ["http://nowhere.example.com:2380"],
    want: "lookup nowhere.example.com: no such host\nlookup nowhere.example.com: no such host",
  },
];
for (const { want, ...given } of refused) {
  test(`it fails when ${given.name}`, async () => {
    await assert.rejects(ask(given), new Error(want));
  });
}
