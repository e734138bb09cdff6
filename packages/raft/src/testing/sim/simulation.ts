import { strict as assert } from "node:assert";
import { ReadOnlyOption } from "../../config.ts";
import { RaftError } from "../../errors.ts";
import { NO_LIMIT } from "../../size.ts";
import {
  ConfChangeTransition,
  ConfChangeType,
  type Message,
  MessageType,
  type NodeId,
  StateType,
} from "../../types.ts";
import { SeededRandom } from "../seeded-random.ts";
import { InvariantChecker } from "./invariants.ts";
import { type MemberOptions, SimMember } from "./member.ts";
import { SimNetwork } from "./network.ts";

export interface SimulationOptions {
  readonly seed: number;
  /** Random steps before the faults end. */
  readonly steps?: number;
}

const encoder = new TextEncoder();
const SIZES = [3, 5, 7];
const CALM_ROUNDS = 400;

/**
 * A group of 3, 5 or 7 members, and one or two more to be added, under faults: messages lost, repeated and late,
 * partitions, crashes in the middle of anything. One random source decides everything, so a seed is a run.
 */
export class Simulation {
  readonly seed: number;
  readonly members = new Map<NodeId, SimMember>();
  readonly checker: InvariantChecker;
  readonly #steps: number;
  readonly #random: SeededRandom;
  readonly #network: SimNetwork;
  readonly #ids: readonly NodeId[];
  #proposals = 0;

  constructor({ seed, steps = 3000 }: SimulationOptions) {
    this.seed = seed;
    this.#steps = steps;
    const random = new SeededRandom(seed);
    this.#random = random;
    this.#network = new SimNetwork(random);
    const size = random.pick(SIZES);
    this.#ids = Array.from({ length: size + 1 + random.below(2) }, (_, i) => BigInt(i + 1));
    const options = randomOptions(random);
    this.checker = new InvariantChecker(
      this.members,
      options.readOnlyOption !== ReadOnlyOption.ReadOnlyLeaseBased,
    );
    for (const id of this.#ids) {
      const send = (m: Message) => this.#network.send(m);
      this.members.set(id, new SimMember(id, options, random, this.checker, send));
    }
    const peers = this.#ids.slice(0, size).map((id) => ({ id }));
    for (const { id } of peers) {
      const member = this.members.get(id)!;
      member.node.bootstrap(peers);
      while (member.hasWork()) member.work();
      member.disk.sync();
      this.checker.check(member);
    }
  }

  /** Throws with the seed in its message when a property does not hold. */
  run(): void {
    try {
      for (let i = 0; i < this.#steps; i++) this.#step();
      this.#recover();
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      throw new Error(`seed ${this.seed}: ${text}`, { cause: error });
    }
  }

  #anyMember(): SimMember {
    return this.members.get(this.#random.pick(this.#ids))!;
  }

  #leaderOrAny(): SimMember {
    const leaders = [...this.members.values()].filter(
      ({ node }) => node.raft.state === StateType.StateLeader,
    );
    return leaders.length > 0 && this.#random.chance(0.8) ? this.#random.pick(leaders) : this.#anyMember();
  }

  /** A crash costs most where most is not durable. */
  #stalledOrAny(): SimMember {
    const stalled = [...this.members.values()].filter(({ diskIsStalled }) => diskIsStalled);
    return stalled.length > 0 && this.#random.chance(0.5) ? this.#random.pick(stalled) : this.#anyMember();
  }

  #step(): void {
    const dice = this.#random.below(1000);
    if (dice < 330) this.#deliver();
    else if (dice < 680) this.#do(this.#anyMember(), (member) => member.work());
    else if (dice < 850) this.#do(this.#anyMember(), ({ node }) => node.tick());
    else if (dice < 930) this.#do(this.#leaderOrAny(), (member) => this.#propose(member));
    else if (dice < 945) this.#do(this.#leaderOrAny(), (member) => this.#proposeConfChange(member));
    else if (dice < 960) this.#do(this.#anyMember(), (member) => this.#read(member));
    else if (dice < 970) this.#do(this.#anyMember(), (member) => member.snapshot());
    else if (dice < 978) this.#do(this.#leaderOrAny(), (member) => this.#transfer(member));
    else if (dice < 984) this.#do(this.#stalledOrAny(), (member) => member.restart());
    else if (dice < 988) this.#do(this.#anyMember(), ({ node }) => node.campaign());
    else if (dice < 991) this.#do(this.#anyMember(), ({ node }) => node.forgetLeader());
    else if (dice < 994) this.#changeFaults();
    else this.#do(this.#anyMember(), (member) => this.#read(member));
  }

  #do(member: SimMember, action: (member: SimMember) => void): void {
    try {
      action(member);
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
    }
    this.checker.check(member);
  }

  #deliver(): void {
    const next = this.#network.next();
    if (next === undefined) return;
    const { message, arrives } = next;
    const target = this.members.get(message.to)!;
    if (arrives) this.#do(target, ({ node }) => node.step(message));
    const sender = this.members.get(message.from)!;
    if (message.type === MessageType.MsgSnap) {
      this.#do(sender, ({ node }) => node.reportSnapshot(message.to, arrives ? "finished" : "failed"));
    } else if (!arrives && this.#random.chance(0.2)) {
      this.#do(sender, ({ node }) => node.reportUnreachable(message.to));
    }
  }

  #propose({ node }: SimMember): void {
    const count = 1 + this.#random.below(3);
    const datas = Array.from({ length: count }, () => encoder.encode(`p${this.#proposals++}`));
    node.proposeBatch(datas);
  }

  #proposeConfChange({ node }: SimMember): void {
    const { voters } = node.raft.tracker.config;
    if (voters.isJoint() && this.#random.chance(0.7)) {
      node.proposeConfChange(undefined);
      return;
    }
    const types = [
      ConfChangeType.ConfChangeAddNode,
      ConfChangeType.ConfChangeAddNode,
      ConfChangeType.ConfChangeRemoveNode,
      ConfChangeType.ConfChangeAddLearnerNode,
    ];
    const count = this.#random.pick([1, 1, 2, 3]);
    const changes = Array.from({ length: count }, () => ({
      type: this.#random.pick(types),
      nodeId: this.#random.pick(this.#ids),
    }));
    const transition = this.#random.pick([
      ConfChangeTransition.ConfChangeTransitionAuto,
      ConfChangeTransition.ConfChangeTransitionJointImplicit,
      ConfChangeTransition.ConfChangeTransitionJointExplicit,
    ]);
    // A change that removes all voters would panic everybody when it is applied; applications do not propose it.
    if (!leavesAVoter(voters.incoming.ids, changes)) return;
    node.proposeConfChange(count === 1 && this.#random.chance(0.5) ? changes[0]! : { transition, changes });
  }

  #read({ node }: SimMember): void {
    const context = `r${this.#proposals++}`;
    this.checker.onRead(context);
    node.readIndex(encoder.encode(context));
  }

  #transfer({ node }: SimMember): void {
    const transferee = this.#anyMember();
    // It leads a term that its disk does not know of, if it asks for votes too early.
    if (this.#random.chance(0.3)) transferee.diskIsStalled = true;
    node.transferLeader(transferee.id);
  }

  #changeFaults(): void {
    const random = this.#random;
    this.#network.heal();
    for (const member of this.members.values()) member.diskIsStalled = false;
    if (random.chance(0.4)) return;
    this.#network.dropProbability = random.pick([0, 0.05, 0.3]);
    this.#network.duplicateProbability = random.pick([0, 0.1]);
    const crash = random.pick([0, 0.002, 0.02]);
    for (const member of this.members.values()) member.crashProbability = crash;
    for (const member of this.members.values()) member.diskIsStalled = random.chance(0.2);
    if (random.chance(0.5)) this.#network.partition(this.#ids.filter(() => random.chance(0.5)));
  }

  /** Faults end: within a while there is a leader, and everybody has what it has. */
  #recover(): void {
    this.#network.heal();
    for (const member of this.members.values()) {
      member.crashProbability = 0;
      member.diskIsStalled = false;
    }
    for (let round = 0; round < CALM_ROUNDS; round++) {
      for (const member of this.members.values()) this.#do(member, ({ node }) => node.tick());
      this.#settle();
      // A member that was added later can start only from a snapshot that knows of it.
      if (round % 10 === 0) for (const member of this.members.values()) member.snapshot();
      if (round % 20 === 0) this.#do(this.#leaderOrAny(), (member) => this.#propose(member));
      if (round > 40 && this.#hasConverged()) return;
    }
    assert.ok(this.#hasConverged(), "the group did not recover");
  }

  #settle(): void {
    for (let i = 0; i < 50; i++) {
      for (const member of this.members.values()) {
        while (member.hasWork()) this.#do(member, (each) => each.work());
      }
      if (this.#network.size === 0) return;
      for (let n = this.#network.size; n > 0; n--) this.#deliver();
    }
  }

  #hasConverged(): boolean {
    const leaders = [...this.members.values()].filter(
      ({ node }) => node.raft.state === StateType.StateLeader,
    );
    // One that was removed while it led may go on believing that it leads.
    const leader = leaders.sort((a, b) => b.node.raft.term - a.node.raft.term)[0];
    if (leader === undefined) return false;
    const { log, tracker } = leader.node.raft;
    if (log.committed !== log.lastIndex() || log.committed !== this.checker.committedIndex) return false;
    return tracker.ordered.every(({ id }) => this.members.get(id)!.application.index === log.committed);
  }
}

function leavesAVoter(
  voters: readonly NodeId[],
  changes: readonly { type: ConfChangeType; nodeId: NodeId }[],
): boolean {
  const after = new Set(voters);
  for (const { type, nodeId } of changes) {
    if (type === ConfChangeType.ConfChangeAddNode) after.add(nodeId);
    else after.delete(nodeId);
  }
  return after.size >= 2;
}

function randomOptions(random: SeededRandom): MemberOptions {
  const checkQuorum = random.chance(0.5);
  return {
    electionTick: 5,
    heartbeatTick: random.pick([1, 2]),
    random,
    maxSizePerMsg: random.pick([0, 20, 1024, NO_LIMIT]),
    maxCommittedSizePerReady: random.pick([1, 50, NO_LIMIT]),
    maxInflightMsgs: random.pick([1, 4, 256]),
    maxUncommittedEntriesSize: random.pick([0, 100]),
    asyncStorageWrites: random.chance(0.5),
    checkQuorum,
    preVote: random.chance(0.5),
    stepDownOnRemoval: random.chance(0.5),
    disableProposalForwarding: random.chance(0.2),
    readOnlyOption:
      checkQuorum && random.chance(0.2) ? ReadOnlyOption.ReadOnlyLeaseBased : ReadOnlyOption.ReadOnlySafe,
  };
}
