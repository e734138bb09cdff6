import assert from "node:assert/strict";
import test from "node:test";
import { Exit } from "../../command-line/exit.ts";
import { FlagValues } from "../../command-line/flag-values.ts";
import { Output } from "../../command-line/output.ts";
import { ETCDCTL } from "../commands.ts";
import { discoverEndpoints } from "./discovery.ts";

const RECORD = { port: 2379, priority: 0, weight: 0 };
const SERVICES = new Map([
  ["_etcd-client-ssl._tcp.d", [{ ...RECORD, target: "a" }]],
  ["_etcd-client._tcp.d", [{ ...RECORD, target: "b" }]],
]);
const DNS = {
  async records(service: string) {
    const found = SERVICES.get(service);
    if (found === undefined) throw new Error(`lookup ${service}: no such host`);
    return found;
  },
  async address(host: string): Promise<string> {
    throw new Error(`lookup ${host}: no such host`);
  },
};

async function discovered(given: Record<string, string>): Promise<{ endpoints: string[]; told: string }> {
  const flags = new FlagValues(ETCDCTL.sharedFlags!);
  for (const [name, text] of Object.entries(given)) flags.set(flags.byName(name)!, text);
  let told = "";
  const output = new Output((_descriptor, bytes) => {
    told += bytes.toString();
  });
  return { endpoints: await discoverEndpoints(flags, output, DNS), told };
}

test("without a domain there is nothing to discover", async () => {
  assert.deepEqual(await discovered({}), { endpoints: [], told: "" });
});

test("a domain names endpoints with TLS and without", async () => {
  const { endpoints, told } = await discovered({ "discovery-srv": "d" });
  assert.deepEqual([endpoints, told], [["https://a:2379", "http://b:2379"], ""]);
});

test("those without are left out when they are not wanted, and told of", async () => {
  assert.deepEqual(await discovered({ "discovery-srv": "d", "insecure-discovery": "false" }), {
    endpoints: ["https://a:2379"],
    told: 'ignoring discovered insecure endpoint "http://b:2379"\n',
  });
});

test("a domain that names none ends the command", async () => {
  await assert.rejects(
    discovered({ "discovery-srv": "d", "discovery-srv-name": "blue" }),
    (error) =>
      error instanceof Exit &&
      error.code === 1 &&
      error.message ===
        "dns lookup errors: lookup _etcd-client-ssl-blue._tcp.d: no such host and lookup _etcd-client-blue._tcp.d: no such host",
  );
});
