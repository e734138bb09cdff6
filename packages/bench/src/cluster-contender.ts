/** A cluster of members on one machine and disk, compared as a whole: it runs or it is stopped. */
import { Etcd } from "@quorate/testkit/grpc";
import type { StatusResponse } from "@quorate/testkit/messages";
import { Server } from "@quorate/testkit/process";
import { compactAll } from "./compact-all.ts";
import { ARGS, type ContenderName, type Side } from "./contenders.ts";
import type { Target } from "./generators.ts";
import { type Memory, memory, totalCpuUs } from "./process-usage.ts";
import type { Row } from "./rows.ts";

const SETTLE_TIMEOUT_MS = 60_000;
const CALL_TIMEOUT_MS = 2_000;
/** A cluster is settled when this many looks in a row, this far apart, have seen the same leader and no work. */
const QUIET_LOOKS = 3;
const LOOK_INTERVAL_MS = 300;
/** All members together, as a share of one core: heartbeats and ticks cost less, catching up and compacting more. */
const QUIET_CPU = 0.25;
const PROBE_KEY = "bench/settled";

type Status = ReturnType<typeof StatusResponse.decode>;

interface Leadership {
  readonly leader: Server;
  readonly term: bigint;
}

export class ClusterContender implements Side {
  readonly name: ContenderName;
  readonly members: readonly Server[];
  #stopped = false;
  #leadership: Leadership | undefined;

  private constructor(name: ContenderName, members: readonly Server[]) {
    this.name = name;
    this.members = members;
  }

  static async create(
    name: ContenderName,
    command: readonly string[],
    size: number,
  ): Promise<ClusterContender> {
    // All members share one list of arguments: which ports they have is known when all have been chosen.
    const args = [...ARGS];
    const members: Server[] = [];
    for (let i = 1; i <= size; i++) {
      members.push(await Server.create({ command, args, name: `${name}-${i}`, startTimeoutMs: 60_000 }));
    }
    args.push("--initial-cluster", members.map((m) => `${m.name}=http://127.0.0.1:${m.peerPort}`).join(","));
    args.push("--initial-cluster-token", `bench-${name}`);
    return new ClusterContender(name, members);
  }

  /** Starts all members and waits for a settled cluster; returns how long the slowest took to serve. */
  async start(): Promise<number> {
    await Promise.all(this.members.map((member) => member.start()));
    await this.#settle();
    return Math.max(...this.members.map((member) => member.startedInMs));
  }

  suspend(): void {
    if (this.#stopped) return;
    // Followers first: a leader that stops before them gives them time to begin an election.
    const { leader } = this.#required();
    for (const member of this.members) if (member !== leader) member.pause();
    leader.pause();
    this.#stopped = true;
  }

  /** Lets all members run and waits until they have a leader, are alike, and do nothing any more. */
  async resume(): Promise<void> {
    if (!this.#stopped) return;
    this.#continue();
    await this.#settle();
  }

  targetOf({ place }: Row): Target {
    const { leader } = this.#required();
    const follower = this.members.find((member) => member !== leader) ?? leader;
    const loaded = place === "all" ? this.members : place === "follower" ? [follower] : [leader];
    return {
      ports: loaded.map((member) => member.clientPort),
      pids: this.members.map((member) => member.pid),
      transport: "plaintext",
    };
  }

  /** How far the term has moved since the cluster was settled. */
  async elections(): Promise<number> {
    const settled = this.#required();
    return Number((await this.#findLeader(SETTLE_TIMEOUT_MS)).term - settled.term);
  }

  /** Throws old revisions away on every member, so that no store grows without end. */
  async compact(): Promise<void> {
    await withClient(this.#required().leader, async (client) => {
      await compactAll(client);
    });
    await this.#settle();
  }

  memories(): Memory[] {
    return this.members.map((member) => memory(member.pid));
  }

  async end(): Promise<void> {
    if (this.#stopped) this.#continue();
    await Promise.all(this.members.map((member) => member[Symbol.asyncDispose]()));
  }

  #continue(): void {
    for (const member of this.members) member.resume();
    this.#stopped = false;
  }

  #required(): Leadership {
    if (this.#leadership === undefined) throw new Error(`${this.name}: the cluster was never settled`);
    return this.#leadership;
  }

  async #settle(): Promise<void> {
    const giveUpAt = performance.now() + SETTLE_TIMEOUT_MS;
    let looks = 0;
    for (;;) {
      const found = await this.#findLeader(giveUpAt - performance.now());
      looks = found.term === this.#leadership?.term && (await this.#isQuiet()) ? looks + 1 : 0;
      this.#leadership = found;
      if (looks === QUIET_LOOKS) return;
      if (performance.now() > giveUpAt) throw new Error(`${this.name}: the cluster does not come to rest`);
    }
  }

  /** Waits until all members name one leader in one term, and a put and reads through every member succeed. */
  async #findLeader(timeoutMs: number): Promise<Leadership> {
    const giveUpAt = performance.now() + timeoutMs;
    for (;;) {
      try {
        const statuses = await Promise.all(this.members.map((member) => withClient(member, statusOf)));
        const { header, leader, raftTerm } = statuses[0]!;
        const agreed = statuses.every((status) => status.leader === leader && status.raftTerm === raftTerm);
        if (!agreed || leader === 0n || header === undefined) throw new Error("no common leader");
        const found = this.members[statuses.findIndex((status) => status.header?.member_id === leader)];
        if (found === undefined)
          throw new Error(`the leader ${leader.toString(16)} is nobody of the cluster`);
        await withClient(found, (client) =>
          client.put({ key: PROBE_KEY, value: this.name }, { deadlineMs: CALL_TIMEOUT_MS }),
        );
        await Promise.all(this.members.map((member) => withClient(member, read)));
        return { leader: found, term: raftTerm };
      } catch (error) {
        if (performance.now() > giveUpAt) {
          throw new Error(`${this.name}: no working cluster: ${(error as Error).message}`);
        }
        await pause(LOOK_INTERVAL_MS);
      }
    }
  }

  async #isQuiet(): Promise<boolean> {
    const pids = this.members.map((member) => member.pid);
    const before = totalCpuUs(pids);
    await pause(LOOK_INTERVAL_MS);
    return totalCpuUs(pids) - before < QUIET_CPU * LOOK_INTERVAL_MS * 1_000;
  }
}

function statusOf(client: Etcd): Promise<Status> {
  return client.status({}, { deadlineMs: CALL_TIMEOUT_MS });
}

function read(client: Etcd): Promise<unknown> {
  return client.range({ key: PROBE_KEY }, { deadlineMs: CALL_TIMEOUT_MS });
}

async function withClient<T>(member: Server, work: (client: Etcd) => Promise<T>): Promise<T> {
  const client = new Etcd(member.endpoint);
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
