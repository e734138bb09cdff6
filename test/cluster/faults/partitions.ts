/** Links that are cut, lossy or slow. */
import assert from "node:assert/strict";
import type { MemberProcess } from "../member-process.ts";
import { cutAll, type Link, linksBetween } from "../network/network.ts";
import type { Fault } from "../scenario.ts";

const names = (members: readonly MemberProcess[]): string[] => members.map(({ name }) => name);

/** Longer than an election, and than the time after which a leader that hears nobody steps down. */
const PARTITION_MS = 3_000;

export const minorityPartition: Fault = {
  name: "minority-partition",
  what: "the leader is alone with too few members; the others go on without it",
  async run({ cluster, load, rounds, work }) {
    for (let round = rounds(2, 8); round > 0; round--) {
      const leader = await cluster.leader();
      const followers = await cluster.followers();
      const minority = [leader, ...followers.slice(0, Math.ceil(cluster.members.length / 2) - 2)];
      const majority = cluster.members.filter((member) => !minority.includes(member));
      await cutAll(cluster.network, linksBetween(names(minority), names(majority)));
      await load.firstAcknowledgement(names(majority));
      await work(1_500);
      await cluster.network.heal();
      await cluster.healthy();
      await work(300);
    }
  },
};

export const majorityPartition: Fault = {
  name: "majority-partition",
  what: "too few followers are cut off, then every member is alone",
  async run({ cluster, load, random, rounds, work }) {
    for (let round = rounds(1, 5); round > 0; round--) {
      const followers = await cluster.followers();
      const minority = [random.pick(followers)];
      const majority = cluster.members.filter((member) => !minority.includes(member));
      await cutAll(cluster.network, linksBetween(names(minority), names(majority)));
      await load.firstAcknowledgement(names(majority));
      await work(PARTITION_MS);
      await cluster.network.heal();
      await cluster.healthy();
      await work(300);

      const all = names(cluster.members);
      for (const name of all) {
        await cutAll(
          cluster.network,
          linksBetween(
            [name],
            all.filter((other) => other !== name),
          ),
        );
      }
      await work(PARTITION_MS);
      await cluster.network.heal();
      await cluster.healthy();
      await work(300);
    }
  },
};

/** The links that only one side still hears. */
function oneWay(leader: string, followers: readonly string[], which: string): Link[] {
  const [first] = followers as [string];
  switch (which) {
    case "the leader is not heard by one":
      return [[leader, first]];
    case "the leader does not hear one":
      return [[first, leader]];
    case "the leader is not heard":
      return followers.map((follower) => [leader, follower]);
    default:
      return followers.map((follower) => [follower, leader]);
  }
}

export const oneWayPartitions: Fault = {
  name: "one-way-partitions",
  what: "links fail in one direction",
  async run({ cluster, load, random, rounds, work }) {
    for (let round = rounds(1, 5); round > 0; round--) {
      for (const which of [
        "the leader is not heard by one",
        "the leader does not hear one",
        "the leader is not heard",
        "the leader hears nobody",
      ]) {
        const leader = await cluster.leader();
        const followers = names(await cluster.followers()).sort(() => random.below(3) - 1);
        await cutAll(cluster.network, oneWay(leader.name, followers, which));
        // Some majority can still talk to each other, so it must go on.
        await load.firstAcknowledgement(names(cluster.members));
        await work(1_200);
        await cluster.network.heal();
        await cluster.healthy();
        await work(300);
      }
    }
  },
};

export const lossyLinks: Fault = {
  name: "lossy-links",
  what: "a part of what members send gets lost",
  async run({ cluster, load, rounds, work }) {
    const all = names(cluster.members);
    for (const probability of rounds(1, 2) === 1 ? [0.1, 0.3] : [0.05, 0.1, 0.2, 0.3, 0.4]) {
      for (const [from, to] of linksBetween(all, all)) {
        if (from !== to) await cluster.network.lose(from, to, probability);
      }
      const before = load.journal.acknowledgedWrites;
      await work(rounds(4_000, 15_000));
      assert.ok(load.journal.acknowledgedWrites > before, `nothing was written with ${probability} lost`);
      await cluster.network.heal();
      await cluster.healthy();
    }
  },
};

export const slowLinks: Fault = {
  name: "slow-links",
  what: "what members send arrives late, then also out of step",
  network: "proxies",
  async run({ cluster, load, rounds, work }) {
    const all = names(cluster.members);
    for (const [delayMs, jitterMs] of [
      [40, 20],
      [120, 200],
    ] as const) {
      for (const [from, to] of linksBetween(all, all)) {
        if (from !== to) await cluster.network.delay(from, to, delayMs, jitterMs);
      }
      const before = load.journal.acknowledgedWrites;
      await work(rounds(4_000, 15_000));
      assert.ok(load.journal.acknowledgedWrites > before, `nothing was written with ${delayMs} ms of delay`);
      await cluster.network.heal();
      await cluster.healthy();
    }
  },
};
