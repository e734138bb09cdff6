/** What a hundred elections and a hundred reconnections leave behind: nothing. */
import assert from "node:assert/strict";
import { MemberClient } from "../client.ts";
import { sleep } from "../load/session.ts";
import type { Holdings } from "../member-process.ts";
import type { Arena, Fault } from "../scenario.ts";

const REPETITIONS = 100;
const MANY_REPETITIONS = 400;
const WARM_UP = 15;
/** Idle connections of pools may come and go. */
const SPARE_DESCRIPTORS = 8;
const SPARE_THREADS = 4;
const LOOKS_AT_REST = 5;
/** Beyond this share and amount, growth is a leak: both runtimes keep freed memory for a while. */
const SPARE_MEMORY_SHARE = 0.3;
const SPARE_MEMORY_MIB = 40;

/** The least of several looks: what is still held, rather than what is just in use. */
async function holdings({ cluster }: Arena): Promise<Map<string, Holdings>> {
  const least = new Map<string, Holdings>();
  for (let look = 0; look < 20; look++) {
    for (const member of cluster.members) {
      const now = member.holdings();
      const before = least.get(member.name) ?? now;
      least.set(member.name, {
        descriptors: Math.min(now.descriptors, before.descriptors),
        sockets: Math.min(now.sockets, before.sockets),
        threads: Math.min(now.threads, before.threads),
        residentMiB: Math.min(now.residentMiB, before.residentMiB),
      });
    }
    await sleep(100);
  }
  return least;
}

/** As `holdings`, for as long as it takes pools to close what they do not use any more, which is some seconds. */
async function holdingsAtRest(
  arena: Arena,
  before: ReadonlyMap<string, Holdings>,
): Promise<Map<string, Holdings>> {
  for (let look = 1; ; look++) {
    const now = await holdings(arena);
    const isAtRest = [...now].every(
      ([name, { descriptors }]) => descriptors <= before.get(name)!.descriptors + SPARE_DESCRIPTORS,
    );
    if (isAtRest || look === LOOKS_AT_REST) return now;
  }
}

async function compare(arena: Arena, what: string, work: (round: number) => Promise<void>): Promise<void> {
  const repetitions = arena.rounds(REPETITIONS, MANY_REPETITIONS);
  for (let round = 0; round < WARM_UP; round++) await work(round);
  const before = await holdings(arena);
  for (let round = 0; round < repetitions; round++) await work(round);
  const after = await holdingsAtRest(arena, before);
  for (const [name, now] of after) {
    const then = before.get(name)!;
    const line =
      `${name} over ${repetitions} ${what}: descriptors ${then.descriptors} to ${now.descriptors}, ` +
      `sockets ${then.sockets} to ${now.sockets}, threads ${then.threads} to ${now.threads}, ` +
      `resident ${then.residentMiB} to ${now.residentMiB} MiB`;
    arena.report(line);
    assert.ok(now.descriptors <= then.descriptors + SPARE_DESCRIPTORS, `descriptors leak: ${line}`);
    assert.ok(now.sockets <= then.sockets + SPARE_DESCRIPTORS, `sockets leak: ${line}`);
    assert.ok(now.threads <= then.threads + SPARE_THREADS, `threads leak: ${line}`);
    const limit = Math.max(then.residentMiB * (1 + SPARE_MEMORY_SHARE), then.residentMiB + SPARE_MEMORY_MIB);
    assert.ok(now.residentMiB <= limit, `memory leaks: ${line}`);
  }
}

export const electionsLeaveNothing: Fault = {
  name: "leaks-of-elections",
  what: `${REPETITIONS} elections and more leave memory, sockets and threads as they were`,
  paceMs: 60,
  async run(arena) {
    const { cluster, random } = arena;
    await compare(arena, "elections", async () => {
      await cluster.moveLeader(random.pick(await cluster.followers()));
      await arena.work(10);
    });
  },
};

export const reconnectionsLeaveNothing: Fault = {
  name: "leaks-of-connections",
  what: `${REPETITIONS} reconnections and more of members and clients leave memory, sockets and threads as they were`,
  network: "proxies",
  paceMs: 60,
  async run(arena) {
    const { cluster } = arena;
    await compare(arena, "reconnections", async (round) => {
      cluster.network.reset();
      for (const member of cluster.members) {
        const client = new MemberClient(`passer-by ${round}`, member.clientAddress);
        const watch = await client.stream("Watch/Watch");
        watch.send(new Uint8Array([0x0a, 0x03, 0x0a, 0x01, 0x61]));
        await client.range({ key: "a", serializable: true });
        client.close();
      }
      await arena.work(60);
    });
    await cluster.healthy();
  },
};
