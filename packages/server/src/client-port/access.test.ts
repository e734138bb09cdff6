import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { type AccessOptions, type AccessRequest, admit } from "./access.ts";
import { TestGateway } from "./gateway/gateway.testing.ts";

const open: AccessOptions = {
  cors: ["*"],
  hostWhitelist: ["*"],
  gatewayEnabled: true,
  clientCertAuth: false,
  isAuthEnabled: () => false,
};
const plain: AccessRequest = {
  method: "POST",
  target: "/v3/kv/range",
  rawHeaders: ["Host", "evil:2379", "Origin", "http://a.example:80"],
  isSecure: false,
  clientCommonName: "",
};

suite("access rules", () => {
  const certificates = { ...open, clientCertAuth: true, isAuthEnabled: () => true };
  const named = { ...plain, isSecure: true, clientCommonName: "root" };
  const cases: {
    name: string;
    options: AccessOptions;
    request: AccessRequest;
    status?: number;
    origin?: string;
  }[] = [
    { name: "everything is admitted by default", options: open, request: plain, origin: "*" },
    {
      name: "OPTIONS ends here",
      options: open,
      request: { ...plain, method: "OPTIONS" },
      status: 200,
      origin: "*",
    },
    {
      name: "an empty list of hosts allows all",
      options: { ...open, hostWhitelist: [] },
      request: plain,
      origin: "*",
    },
    {
      name: "a listed host is admitted, whatever its port",
      options: { ...open, hostWhitelist: ["evil"] },
      request: plain,
      origin: "*",
    },
    {
      name: "a host that is not listed is misdirected",
      options: { ...open, hostWhitelist: ["good"] },
      request: plain,
      status: 421,
    },
    {
      name: "so are its OPTIONS",
      options: { ...open, hostWhitelist: ["good"] },
      request: { ...plain, method: "OPTIONS" },
      status: 421,
    },
    {
      name: "an IPv6 host is compared without brackets",
      options: { ...open, hostWhitelist: ["::1"] },
      request: { ...plain, rawHeaders: ["Host", "[::1]:2379"] },
      origin: "*",
    },
    {
      name: "TLS needs no listed host",
      options: { ...open, hostWhitelist: ["good"] },
      request: { ...plain, isSecure: true },
      origin: "*",
    },
    {
      name: "an empty list of origins allows all",
      options: { ...open, cors: [] },
      request: plain,
      origin: "*",
    },
    {
      name: "a listed origin is repeated",
      options: { ...open, cors: ["http://a.example:80"] },
      request: plain,
      origin: "http://a.example:80",
    },
    {
      name: "another origin gets no headers",
      options: { ...open, cors: ["http://b.example:80"] },
      request: plain,
    },
    {
      name: "origins are compared as they are",
      options: { ...open, cors: ["http://a.example"] },
      request: plain,
    },
    {
      name: "a common name is refused under authentication",
      options: certificates,
      request: named,
      status: 400,
    },
    {
      name: "also at the beta's path",
      options: certificates,
      request: { ...named, target: "/v3beta/kv/range" },
      status: 400,
    },
    {
      name: "and so is its path when it is escaped",
      options: certificates,
      request: { ...named, target: "/%763/kv/range" },
      status: 400,
    },
    { name: "not elsewhere", options: certificates, request: { ...named, target: "/health" }, origin: "*" },
    {
      name: "not without authentication",
      options: { ...certificates, isAuthEnabled: () => false },
      request: named,
      origin: "*",
    },
    {
      name: "not without client certificates",
      options: { ...certificates, clientCertAuth: false },
      request: named,
      origin: "*",
    },
    {
      name: "not without a gateway",
      options: { ...certificates, gatewayEnabled: false },
      request: named,
      origin: "*",
    },
    {
      name: "not without a name",
      options: certificates,
      request: { ...named, clientCommonName: "" },
      origin: "*",
    },
  ];
  for (const { name, options, request, status, origin } of cases) {
    test(name, () => {
      const { headers, answer } = admit(options, request);
      assert.equal(answer?.status, status);
      assert.equal(new Map(headers).get("Access-Control-Allow-Origin"), origin);
    });
  }
});

test("a misdirected request is told what to do, on any path", async () => {
  await using gateway = await TestGateway.start({ hostWhitelist: ["good"] });
  for (const path of ["/v3/kv/range", "/health"]) {
    const answer = await gateway.ask(path, "{}", { headers: { host: 'ev"il:1' } });
    assert.equal(answer.status, 421);
    assert.ok(answer.body.startsWith("\netcd received your request, but the Host header was unrecognized."));
    assert.ok(answer.body.includes('etcd --host-whitelist "ev\\"il"'));
    assert.equal(answer.headers["access-control-allow-origin"], undefined);
  }
});

test("with the gateway off only the access rules remain", async () => {
  await using gateway = await TestGateway.start({ backend: undefined });
  assert.equal((await gateway.ask("/v3/kv/range", "{}")).status, 299);
  const answer = await gateway.ask("/v3/kv/range", "", { method: "OPTIONS" });
  assert.deepEqual([answer.status, answer.body], [200, ""]);
});
