import assert from "node:assert/strict";
import { Client } from "@quorate/client";
import { CuttingProxy } from "@quorate/testkit/cutting-proxy";
import { Server } from "@quorate/testkit/process";
import { SeededRandom } from "@quorate/testkit/random";
import { searchRuns, testWithSeed } from "@quorate/testkit/seed";
import { target } from "@quorate/testkit/target";
import { until } from "@quorate/testkit/wait";
import { type LoadClient, randomLoad } from "./random-load.testing.ts";
import { leasingProxy } from "./testing.ts";

const PATIENT = { requestTimeoutMs: 60_000, connectTimeoutMs: 30_000 };

testWithSeed(
  "whatever is read and written through several proxies, one of which loses its connections, is in one order",
  { timeout: 600_000 },
  async (seed, t) => {
    const server = await Server.start({ command: target().command, startTimeoutMs: 120_000 });
    t.after(() => server.kill());
    const direct = new Client({ endpoints: [server.endpoint], ...PATIENT });
    t.after(() => direct.close());
    const link = await CuttingProxy.to(server.clientPort);
    t.after(() => link[Symbol.dispose]());
    const proxies = [
      await leasingProxy(t, [link.endpoint], "l/", { leasing: { prefix: "l/", ttlSeconds: 2 } }),
      await leasingProxy(t, [server.endpoint], "l/"),
      await leasingProxy(t, [server.endpoint], "l/", { ordered: true }),
    ];
    const clients = proxies.flatMap(({ started }, i): LoadClient[] =>
      ["x", "y", "z"].map((letter) => {
        const client = new Client({ endpoints: [started.endpoint], ...PATIENT });
        t.after(() => client.close());
        return { name: `${letter}${i}`, client, isOurs: true };
      }),
    );
    for (let run = 0; run < searchRuns(1, 10); run++) {
      const load = { clients, direct, folder: `${run}/`, operationsEach: 250 };
      const over = new AbortController();
      const cuts = cutNowAndThen(link, new SeededRandom(seed + run), over.signal);
      try {
        assert.deepEqual(await randomLoad({ ...load, seed: seed + run }), []);
      } finally {
        over.abort();
        await cuts;
      }
    }
    // Among so many writers a key may be read from memory seldom: what each has to itself always is, and is asked back from it.
    for (const [i, proxy] of proxies.entries()) {
      const [own, other] = [clients[3 * i]!.client, clients[(3 * i + 3) % clients.length]!.client];
      const [hits, revoked] = [await proxy.hits(), await proxy.revoked()];
      await until(async () => {
        await own.kv.get(`own/${i}`);
        return (await proxy.hits()) > hits;
      }, LONGEST_MS);
      await other.kv.put({ key: `own/${i}`, value: "v" });
      assert.ok((await proxy.revoked()) > revoked, `keys asked for: ${revoked} before and after`);
      assert.deepEqual((await own.kv.get(`own/${i}`))?.value, new Uint8Array(Buffer.from("v")));
    }
  },
);

const LONGEST_MS = 60_000;

async function cutNowAndThen(link: CuttingProxy, random: SeededRandom, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await new Promise((resolve) => setTimeout(resolve, random.between(50, 400)));
    link.refusing = random.chance(0.5);
    link.cut();
    await new Promise((resolve) => setTimeout(resolve, random.between(0, 100)));
    link.refusing = false;
  }
}
