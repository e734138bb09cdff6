/** Processes that die, stop for a while, or are stopped in order. */
import assert from "node:assert/strict";
import type { MemberProcess } from "../member-process.ts";
import { type Arena, ELECTION_TIMEOUT_MS, type Fault } from "../scenario.ts";

const names = (members: readonly MemberProcess[]): string[] => members.map(({ name }) => name);

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

function inElectionTimeouts(values: readonly number[]): string {
  return values.map((ms) => (ms / ELECTION_TIMEOUT_MS).toFixed(2)).join(", ");
}

/** How long nobody could write after something happened to `lost`, in milliseconds. */
async function interruption({ cluster, load }: Arena, lost: MemberProcess): Promise<number> {
  return load.firstAcknowledgement(names(cluster.members.filter((member) => member !== lost)));
}

export const leaderKilled: Fault = {
  name: "leader-killed",
  what: "the leader dies; writing goes on within two election timeouts",
  async run(arena) {
    const { cluster, rounds, report, work } = arena;
    const interruptions: number[] = [];
    for (let round = rounds(5, 15); round > 0; round--) {
      const leader = await cluster.leader();
      await leader.kill();
      interruptions.push(await interruption(arena, leader));
      await work(300);
      cluster.restart(leader);
      await cluster.healthy();
      await work(300);
    }
    const line = `writing resumed after ${inElectionTimeouts(interruptions)} election timeouts`;
    report(line);
    // A single round may meet a split vote, which costs another timeout; most must not.
    assert.ok(median(interruptions) <= 2 * ELECTION_TIMEOUT_MS, line);
  },
};

export const followerKilled: Fault = {
  name: "follower-killed",
  what: "a follower dies; nobody else notices",
  async run(arena) {
    const { cluster, random, rounds, report, work } = arena;
    const interruptions: number[] = [];
    for (let round = rounds(3, 10); round > 0; round--) {
      const follower = random.pick(await cluster.followers());
      await follower.kill();
      interruptions.push(await interruption(arena, follower));
      await work(800);
      cluster.restart(follower);
      await cluster.healthy();
      await work(200);
    }
    const line = `the next write took ${inElectionTimeouts(interruptions)} election timeouts`;
    report(line);
    assert.ok(median(interruptions) < ELECTION_TIMEOUT_MS, line);
  },
};

export const allKilled: Fault = {
  name: "all-killed",
  what: "all members die at once and come back",
  async run({ cluster, rounds, work }) {
    for (let round = rounds(3, 10); round > 0; round--) {
      await Promise.all(cluster.members.map((member) => member.kill()));
      for (const member of cluster.members) cluster.restart(member);
      await cluster.healthy();
      await work(700);
    }
  },
};

/** Kills that meet recovery itself, and each other. */
export const killsAtRandom: Fault = {
  name: "kills-at-random",
  what: "members die at random moments, also while they start",
  async run({ cluster, random, rounds, work }) {
    for (let round = rounds(12, 60); round > 0; round--) {
      const member = random.pick(cluster.members);
      if (member.isRunning) await member.kill();
      await work(random.below(500));
      for (const stopped of cluster.members) {
        if (!stopped.isRunning && random.chance(0.7)) cluster.restart(stopped);
      }
      await work(random.below(900));
    }
  },
};

/** SIGSTOP: the process keeps its connections and believes that no time has passed. */
function pause(who: "leader" | "follower"): Fault {
  return {
    name: `${who}-paused`,
    what: `the ${who} stands still, for less and for more than an election`,
    async run({ cluster, load, random, rounds, work }) {
      for (let round = rounds(1, 5); round > 0; round--) {
        for (const ms of [300, 1_500, 4_000]) {
          const leader = await cluster.leader();
          const member = who === "leader" ? leader : random.pick(await cluster.followers());
          member.pause();
          if (ms > 3_000) {
            await load.firstAcknowledgement(names(cluster.members.filter((other) => other !== member)));
          }
          await work(ms);
          member.resume();
          await work(600);
        }
        await cluster.healthy();
      }
    },
  };
}

export const leaderPaused = pause("leader");
export const followerPaused = pause("follower");

export const rollingRestart: Fault = {
  name: "rolling-restart",
  what: "members are stopped and started in order, one after the other",
  async run({ cluster, load, rounds, report, work }) {
    const writes: number[] = [];
    for (let round = rounds(1, 3); round > 0; round--) {
      for (const member of [...cluster.members]) {
        const others = names(cluster.members.filter((other) => other !== member));
        const stopping = member.stop();
        await work(100);
        writes.push(await load.firstAcknowledgement(others));
        await stopping;
        cluster.restart(member);
        await cluster.healthy();
        await work(200);
      }
    }
    report(`beside each restart a write took ${inElectionTimeouts(writes)} election timeouts`);
  },
};

export const leadershipMoved: Fault = {
  name: "leadership-moved",
  what: "leadership is handed on under load",
  async run({ cluster, load, random, rounds, report, work }) {
    const interruptions: number[] = [];
    for (let round = rounds(10, 50); round > 0; round--) {
      const to = random.pick(await cluster.followers());
      await cluster.moveLeader(to);
      interruptions.push(await load.firstAcknowledgement(names(cluster.members)));
      assert.equal((await cluster.leader()).name, to.name, "leadership went to another member");
      await work(150);
    }
    const line = `the next write took ${inElectionTimeouts(interruptions)} election timeouts`;
    report(line);
    assert.ok(median(interruptions) < ELECTION_TIMEOUT_MS, line);
  },
};
