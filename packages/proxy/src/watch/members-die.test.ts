import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, ClientError, Code, withPrefix } from "@quorate/client";
import { freePorts } from "@quorate/testkit/ports";
import { Server } from "@quorate/testkit/process";
import { target } from "@quorate/testkit/target";
import { until } from "@quorate/testkit/wait";
import { RawWatch, startProxy } from "../testing.ts";

const NAMES = ["m1", "m2", "m3"];
const PUTS_BETWEEN_KILLS = 20;

/** Three members of a cluster, not started yet. */
async function createCluster(): Promise<Server[]> {
  const ports = await freePorts(NAMES.length);
  const peerUrl = (i: number) => `http://127.0.0.1:${ports[i]}`;
  const initialCluster = NAMES.map((name, i) => `${name}=${peerUrl(i)}`).join(",");
  return Promise.all(
    NAMES.map((name, i) => {
      const urls = ["--listen-peer-urls", peerUrl(i), "--initial-advertise-peer-urls", peerUrl(i)];
      return Server.create({
        command: target().command,
        name,
        args: [...urls, "--initial-cluster", initialCluster],
        startTimeoutMs: 120_000,
      });
    }),
  );
}

test("watchers miss nothing and get nothing twice while members die and come back", {
  timeout: 300_000,
}, async (t) => {
  const members = await createCluster();
  t.after(() => Promise.all(members.map((member) => member.kill())));
  await Promise.all(members.map((member) => member.start()));
  const endpoints = members.map(({ endpoint }) => endpoint);
  const { endpoint } = await startProxy(t, endpoints);
  const client = new Client({ endpoints: [endpoint], requestTimeoutMs: 60_000, connectTimeoutMs: 30_000 });
  t.after(() => client.close());
  const first = Number((await client.kv.put({ key: "dying/first", value: "0" })).header!.revision);
  const streams = await Promise.all(Array.from({ length: 4 }, () => RawWatch.open(endpoint)));
  t.after(() => streams.forEach((stream) => void stream[Symbol.dispose]()));
  for (const [i, stream] of streams.entries()) {
    for (let watchId = 1; watchId <= 5; watchId++) {
      const startRevision = i % 2 === 0 ? first : 0;
      stream.ask({
        createRequest: { ...withPrefix("dying/"), watchId, startRevision, prevKv: watchId === 5 },
      });
    }
    await until(() => stream.responses.filter(({ created }) => created).length === 5);
  }
  let count = 0;
  const putSome = async () => {
    for (const end = count + PUTS_BETWEEN_KILLS; count < end; ) {
      try {
        await client.kv.put({ key: `dying/${count % 7}`, value: String(count) });
        count++;
      } catch (error) {
        // Whether it took place will show. There is no leader for a moment.
        if (!(error instanceof ClientError)) throw error;
      }
    }
  };
  for (const member of members) {
    await putSome();
    await member.kill();
    await putSome();
    await member.start();
  }
  await putSome();
  const last = Number((await client.kv.put({ key: "dying/last", value: "0" })).header!.revision);
  using direct = await RawWatch.open(endpoints[0]!);
  direct.ask({ createRequest: { ...withPrefix("dying/"), startRevision: first } });
  await until(() => direct.revisionsOf(0n).at(-1) === last);
  const happened = direct.revisionsOf(0n);
  for (const [i, stream] of streams.entries()) {
    for (let watchId = 1n; watchId <= 5n; watchId++) {
      await until(() => stream.revisionsOf(watchId).at(-1) === last);
      assert.deepEqual(stream.revisionsOf(watchId), i % 2 === 0 ? happened : happened.slice(1));
    }
    assert.equal(stream.ended, undefined);
  }

  // Who wants a leader is told when there is none, and nobody else is.
  using wantsLeader = await RawWatch.open(endpoint, { hasleader: "true" });
  wantsLeader.ask({ createRequest: withPrefix("dying/") });
  await until(() => wantsLeader.responses.length === 1);
  await Promise.all([members[0]!.kill(), members[1]!.kill()]);
  await until(() => wantsLeader.ended !== undefined);
  assert.deepEqual(wantsLeader.ended, { code: Code.UNAVAILABLE, details: "etcdserver: no leader" });
  for (const stream of streams) assert.equal(stream.ended, undefined);
});
