import assert from "node:assert/strict";
import test from "node:test";
import type { Dns } from "@quorate/client/dns";
import { FlagValues } from "../command-line/flag-values.ts";
import { GATEWAY } from "./commands.ts";
import { discoveredRemotes } from "./discovered-remotes.ts";

const [start] = GATEWAY.commands!;

const DNS: Dns = {
  async records(service) {
    if (service !== "_etcd-client._tcp.d") throw new Error(`lookup ${service}: no such host`);
    return [{ target: "a.d", port: 2379, priority: 1, weight: 7 }];
  },
  address: async (host) => host,
};

async function discover(...given: (readonly [name: string, text: string])[]) {
  const flags = new FlagValues(start!.flags!);
  for (const [name, text] of given) flags.set(flags.byName(name)!, text);
  const told: unknown[] = [];
  const remotes = await discoveredRemotes(flags, DNS, (level, message, fields) => {
    told.push([level, message, fields.error]);
  });
  return { remotes, told };
}

test("without a domain nothing is discovered", async () => {
  assert.deepEqual(await discover(), { remotes: [], told: [] });
});

test("a domain's records say how much each member is to have", async () => {
  const { remotes } = await discover(["discovery-srv", "d"], ["insecure-discovery", "true"]);
  assert.deepEqual(remotes, [{ host: "a.d", port: 2379, priority: 1, weight: 7 }]);
});

test("a member without TLS is not taken unless that is wanted", async () => {
  const { remotes, told } = await discover(["discovery-srv", "d"]);
  assert.deepEqual(remotes, []);
  assert.deepEqual(told.at(-1), [
    "warn",
    "failed to validate discovered endpoints",
    '"http://a.d:2379" is insecure',
  ]);
});

test("a domain that names nobody is an error", async () => {
  await assert.rejects(
    discover(["discovery-srv", "d"], ["discovery-srv-name", "x"]),
    /^Error: dns lookup errors: lookup _etcd-client-ssl-x\._tcp\.d: no such host and lookup _etcd-client-x\._tcp\.d: no such host$/,
  );
});
