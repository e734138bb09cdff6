import assert from "node:assert/strict";
import { CuttingProxy } from "@quorate/testkit/cutting-proxy";
import { SeededRandom } from "@quorate/testkit/random";
import { searchRuns, testWithSeed } from "@quorate/testkit/seed";
import { type LoadClient, randomLoad } from "./random-load.testing.ts";
import { clientOf, leasingProxy, startMember, textOf } from "./testing.ts";

testWithSeed(
  "whatever is read and written through several proxies, one of which loses its connections, is in one order",
  { timeout: 600_000 },
  async (seed, t) => {
    const { server, direct } = await startMember(t);
    const link = await CuttingProxy.to(server.clientPort);
    t.after(() => link[Symbol.dispose]());
    const proxies = [
      await leasingProxy(t, [link.endpoint], "l/", { leasing: { prefix: "l/", ttlSeconds: 2 } }),
      await leasingProxy(t, [server.endpoint], "l/"),
      await leasingProxy(t, [server.endpoint], "l/", { ordered: true }),
    ];
    const clients = proxies.flatMap(({ started }, i): LoadClient[] =>
      ["x", "y", "z"].map((letter) => ({
        name: `${letter}${i}`,
        client: clientOf(t, started.endpoint),
        isOurs: true,
      })),
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
    for (const [i, { client, own, revoked }] of proxies.entries()) {
      const before = await revoked();
      await own(`own/${i}`);
      const other = proxies[(i + 1) % proxies.length]!.client;
      await other.kv.put({ key: `own/${i}`, value: "v" });
      assert.ok((await revoked()) > before, `keys asked for: ${before} before and after`);
      assert.equal(textOf((await client.kv.get(`own/${i}`))?.value), "v");
    }
  },
);

async function cutNowAndThen(link: CuttingProxy, random: SeededRandom, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await new Promise((resolve) => setTimeout(resolve, random.between(50, 400)));
    link.refusing = random.chance(0.5);
    link.cut();
    await new Promise((resolve) => setTimeout(resolve, random.between(0, 100)));
    link.refusing = false;
  }
}
