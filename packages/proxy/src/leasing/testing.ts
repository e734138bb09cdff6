import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { Client } from "@quorate/client";
import { Server } from "@quorate/testkit/process";
import { target } from "@quorate/testkit/target";
import { until } from "@quorate/testkit/wait";
import type { GrpcProxyOptions } from "../grpc-proxy.ts";
import { metricOf, type StartedProxy, startProxy } from "../testing.ts";

export const PATIENT = { requestTimeoutMs: 60_000, connectTimeoutMs: 30_000 };
const OWN = "quorate_grpc_proxy_leasing";

export const textOf = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString();

/** A proxy that speaks the protocol, and a client of it. */
export interface LeasingProxy {
  readonly started: StartedProxy;
  readonly client: Client;
  readonly hits: () => Promise<number>;
  readonly owned: () => Promise<number>;
  /** How many keys others have asked it for. */
  readonly revoked: () => Promise<number>;
  /** Reads until this proxy owns the key; gives its value. */
  readonly own: (key: string) => Promise<string>;
  /** Fails unless the read is answered from memory. */
  readonly fromMemory: (key: string) => Promise<string>;
}

/** Until the test ends, as all that follow. */
export function clientOf(
  t: Pick<TestContext, "after">,
  endpoint: string,
  requestTimeoutMs = PATIENT.requestTimeoutMs,
): Client {
  const client = new Client({ endpoints: [endpoint], ...PATIENT, requestTimeoutMs });
  t.after(() => client.close());
  return client;
}

/** A member, and a client of it without a proxy in between. */
export async function startMember(
  t: Pick<TestContext, "after">,
  requestTimeoutMs?: number,
): Promise<{ server: Server; direct: Client }> {
  const server = await Server.start({ command: target().command, startTimeoutMs: 120_000 });
  t.after(() => server.kill());
  return { server, direct: clientOf(t, server.endpoint, requestTimeoutMs) };
}

export async function leasingProxy(
  t: Pick<TestContext, "after">,
  endpoints: readonly string[],
  prefix: string,
  options: Partial<GrpcProxyOptions> = {},
): Promise<LeasingProxy> {
  const started = await startProxy(t, endpoints, { leasing: { prefix }, ...options });
  const client = clientOf(t, started.endpoint);
  const hits = () => metricOf(started, `${OWN}_hits_total`);
  const owned = () => metricOf(started, `${OWN}_owned_keys`);
  const revoked = () => metricOf(started, `${OWN}_revoked_total`);
  const get = async (key: string) => textOf((await client.kv.get(key))?.value);
  const own = async (key: string) => {
    let value = "";
    await until(async () => {
      const before = await hits();
      value = await get(key);
      return (await hits()) > before;
    });
    return value;
  };
  const fromMemory = async (key: string) => {
    const before = await hits();
    const value = await get(key);
    assert.equal(await hits(), before + 1, `the read of ${key} was not answered from memory`);
    return value;
  };
  return { started, client, hits, owned, revoked, own, fromMemory };
}
