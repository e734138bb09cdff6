/** A cluster of real processes: starts it, tells who leads, changes its members, and brings it back to health. */
import { mkdirSync } from "node:fs";
import { MemberClient, textOf } from "./client.ts";
import { sleep } from "./load/session.ts";
import { MemberProcess } from "./member-process.ts";
import type { Member as ListedMember } from "./messages.ts";
import type { Network } from "./network/network.ts";

export interface ClusterOptions {
  readonly command: readonly string[];
  readonly size: number;
  readonly network: Network;
  /** Data folders and logs go there. */
  readonly dir: string;
  /** Flags of every member, e.g. `--snapshot-count 1000`. */
  readonly args?: readonly string[];
  /** Told when a process ends that nobody has killed. */
  readonly onUnexpectedExit: (what: string) => void;
}

/** How long a cluster may take to get well after everything is healed. */
const HEALTH_TIMEOUT_MS = 40_000;
const POLL_MS = 50;
const REMOVED_EXIT_TIMEOUT_MS = 20_000;

export class Cluster {
  readonly network: Network;
  readonly members: MemberProcess[] = [];
  readonly #options: ClusterOptions;
  readonly #clients = new Map<string, MemberClient>();
  #named = 0;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.network = options.network;
    mkdirSync(options.dir, { recursive: true });
  }

  async start(): Promise<void> {
    for (let i = 0; i < this.#options.size; i++) this.members.push(await this.#prepare());
    const initial = this.#initial(
      this.members.map(({ name, place }) => `${name}=${place.advertisedPeerUrl}`),
    );
    for (const member of this.members) member.start([...initial, "--initial-cluster-state", "new"]);
    await this.healthy();
  }

  /** A member that is not part of the cluster yet. */
  async #prepare(command: readonly string[] = this.#options.command): Promise<MemberProcess> {
    this.#named += 1;
    const name = `m${this.#named}`;
    const { network, dir, args = [], onUnexpectedExit } = this.#options;
    const place = await network.place(name);
    const member = new MemberProcess({ name, command, place, network, dir, args, onUnexpectedExit });
    this.#clients.set(name, new MemberClient(name, place.clientAddress));
    return member;
  }

  #initial(cluster: readonly string[]): string[] {
    return ["--initial-cluster", cluster.join(","), "--initial-cluster-token", "hurt"];
  }

  /** A control client of the harness's own, apart from the load. */
  client(member: MemberProcess): MemberClient {
    const client = this.#clients.get(member.name);
    if (client === undefined) throw new Error(`${member.name} was removed`);
    return client;
  }

  /** Starts a member that has been part of the cluster. */
  restart(member: MemberProcess): void {
    const cluster = this.members.map(({ name, place }) => `${name}=${place.advertisedPeerUrl}`);
    member.start([...this.#initial(cluster), "--initial-cluster-state", "existing"]);
  }

  /** The member that a majority of the running ones takes for the leader; waits for one. */
  async leader(timeoutMs = HEALTH_TIMEOUT_MS): Promise<MemberProcess> {
    const giveUpAt = performance.now() + timeoutMs;
    for (;;) {
      const views = await this.#views();
      for (const member of this.members) {
        const supporters = views.filter((view) => view.leader === member.id);
        const claims = views.some((view) => view.member === member && view.leader === member.id);
        if (claims && supporters.length > this.members.length / 2) return member;
      }
      if (performance.now() > giveUpAt) throw new Error(`no leader in ${timeoutMs} ms: ${show(views)}`);
      await sleep(POLL_MS);
    }
  }

  async followers(): Promise<MemberProcess[]> {
    const leader = await this.leader();
    return this.members.filter((member) => member !== leader);
  }

  /** Every member serves, knows the same leader, and has applied what was committed when it was asked. */
  async healthy(timeoutMs = HEALTH_TIMEOUT_MS): Promise<void> {
    const giveUpAt = performance.now() + timeoutMs;
    let last = "";
    for (;;) {
      const views = await this.#views();
      const leaders = new Set(views.map(({ leader }) => leader));
      if (views.length === this.members.length && leaders.size === 1 && !leaders.has(0n)) {
        // A learner answers only from what it holds itself.
        const reads = await Promise.allSettled(
          views.map(({ member, isLearner }) =>
            this.client(member).range({ key: "health", serializable: isLearner }, 2_000),
          ),
        );
        const failed = reads.find((read) => read.status === "rejected");
        if (failed === undefined) return;
        last = textOf(failed.reason);
      }
      if (performance.now() > giveUpAt) {
        throw new Error(`the cluster is not well after ${timeoutMs} ms: ${show(views)} ${last}`);
      }
      await sleep(POLL_MS);
    }
  }

  async #views(): Promise<View[]> {
    const views = await Promise.all(
      this.members
        .filter((member) => member.isRunning && !member.paused)
        .map(async (member): Promise<View | undefined> => {
          try {
            const status = await this.client(member).status({}, 1_000);
            member.id = status.header!.member_id;
            return {
              member,
              leader: status.leader,
              applied: status.raftAppliedIndex,
              isLearner: status.isLearner,
            };
          } catch {
            return undefined;
          }
        }),
    );
    return views.filter((view) => view !== undefined);
  }

  /** Lets the network be whole and every process run. */
  async heal(): Promise<void> {
    await this.network.heal();
    for (const member of this.members) {
      member.resume();
      if (!member.isRunning) this.restart(member);
    }
  }

  /**
   * Asks the leader for a change of members until it is accepted: it refuses while connections are young. `done` tells from
   * the list of members whether an earlier attempt that got no answer has been carried out: undefined if not.
   */
  async #change<T>(
    what: string,
    ask: (leader: MemberClient) => Promise<T>,
    done: (members: readonly ListedMember[]) => T | undefined,
  ): Promise<T> {
    const giveUpAt = performance.now() + HEALTH_TIMEOUT_MS;
    for (;;) {
      try {
        const leader = this.client(await this.leader());
        try {
          return await ask(leader);
        } catch (error) {
          const { members } = await leader.memberList({ linearizable: true });
          const found = done(members);
          if (found === undefined) throw error;
          return found;
        }
      } catch (error) {
        if (performance.now() > giveUpAt) throw new Error(`${what} is still refused: ${textOf(error)}`);
        await sleep(200);
      }
    }
  }

  /** Adds a member to the list of members; its ID. Nothing is started. */
  async enlist(url: string, isLearner: boolean): Promise<bigint> {
    return this.#change(
      `adding ${url}`,
      async (leader) => (await leader.memberAdd({ peerURLs: [url], isLearner }, 5_000)).member!.ID,
      (members) => members.find(({ peerURLs }) => peerURLs.includes(url))?.ID,
    );
  }

  /** Takes a member off the list of members. Nothing is ended. */
  async strike(id: bigint): Promise<void> {
    await this.#change(
      `removing ${id.toString(16)}`,
      async (leader) => {
        await leader.memberRemove({ ID: id }, 5_000);
        return id;
      },
      (members) => (members.some(({ ID }) => ID === id) ? undefined : id),
    );
  }

  /**
   * Adds a member, as a learner if wanted, and starts it: a new one, of `command` if that differs from the others',
   * or one that was removed and has lost its data.
   */
  async add(asLearner = false, former?: MemberProcess, command?: readonly string[]): Promise<MemberProcess> {
    const known = this.members.map(({ name, place }) => `${name}=${place.advertisedPeerUrl}`);
    const member = former ?? (await this.#prepare(command));
    const url = member.place.advertisedPeerUrl;
    member.id = await this.enlist(url, asLearner);
    this.members.push(member);
    if (former !== undefined)
      this.#clients.set(member.name, new MemberClient(member.name, member.clientAddress));
    member.start([
      ...this.#initial([...known, `${member.name}=${url}`]),
      "--initial-cluster-state",
      "existing",
    ]);
    return member;
  }

  /** Removes a member, whose process must then end on its own if it runs. */
  async remove(member: MemberProcess): Promise<void> {
    member.expectExit();
    await this.strike(member.id);
    this.members.splice(this.members.indexOf(member), 1);
    this.#clients.get(member.name)!.close();
    this.#clients.delete(member.name);
    const ended = await Promise.race([member.exited, sleep(REMOVED_EXIT_TIMEOUT_MS).then(() => undefined)]);
    if (ended !== undefined) return;
    this.#options.onUnexpectedExit(`${member.name} was removed and did not end:\n${member.tail()}`);
    await member.kill();
  }

  async promote(member: MemberProcess): Promise<void> {
    await this.#change(
      `promoting ${member.name}`,
      async (leader) => {
        await leader.memberPromote({ ID: member.id }, 5_000);
        return member.id;
      },
      (members) => members.find(({ ID, isLearner }) => ID === member.id && !isLearner)?.ID,
    );
  }

  async moveLeader(to: MemberProcess): Promise<void> {
    await this.client(await this.leader()).moveLeader({ targetID: to.id }, 5_000);
  }

  async close(): Promise<void> {
    for (const client of this.#clients.values()) client.close();
    await Promise.all(this.members.map((member) => member.kill()));
    await this.network.close();
  }
}

interface View {
  readonly member: MemberProcess;
  readonly leader: bigint;
  readonly applied: bigint;
  readonly isLearner: boolean;
}

function show(views: readonly View[]): string {
  return views
    .map(
      ({ member, leader, applied }) =>
        `${member.name} (${member.id.toString(16)}) follows ${leader.toString(16)}, applied ${applied}`,
    )
    .join("; ");
}
