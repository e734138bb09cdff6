import type { SeededRandom } from "@quorate/testkit/random";
import type { Machine } from "../world/machine.ts";
import type { World } from "../world/world.ts";
import { Api, type MemberInfo } from "./api.ts";
import { CallError } from "./calls.ts";
import type { Journal } from "./journal.ts";
import type { Session } from "./session.ts";

export interface Duties {
  readonly compacts: boolean;
  readonly movesLeader: boolean;
  readonly replacesMembers: boolean;
  /** Members are removed down to the last voter, and come back. */
  readonly shrinks: boolean;
  /** Learners may stay learners. */
  readonly keepsLearners: boolean;
  /** Deletes one of the keys that workers use. */
  readonly deleteKey: (machine: Machine) => Promise<unknown>;
  /** Starts a member without data at `address`, on a machine that is new or was erased, to join `members`. */
  readonly startMember: (address: string, members: readonly MemberInfo[]) => void;
  /** Everything is well and nothing goes wrong until `disturb`. */
  readonly calm: () => void;
  readonly disturb: () => void;
}

const REPLACE_TIMEOUT_MS = 30_000;
const POLL_MS = 20;
/** So long nothing ends the last voter's process: until its disk certainly says that it is the last one. */
const LAST_VOTER_SPARED_MS = 2_000;
/** So many revisions before what was told last, history is compacted at most. */
const OLDEST_COMPACTION = 200;
const DEFRAGMENT_CHANCE = 0.2;

/** Compacts, defragments, moves leadership, and replaces members, as an operator does. */
export class Administrator {
  readonly name = "administrator";
  readonly #world: World;
  readonly #journal: Journal;
  readonly #random: SeededRandom;
  readonly #duties: Duties;
  readonly #session: Session | undefined;
  #stopped = false;

  /** `session`: root's, where there are users. */
  constructor(world: World, journal: Journal, duties: Duties, session?: Session) {
    this.#session = session;
    this.#world = world;
    this.#journal = journal;
    this.#duties = duties;
    this.#random = world.random.fork();
  }

  stop(): void {
    this.#stopped = true;
  }

  async run(): Promise<void> {
    const { compacts, movesLeader, replacesMembers, shrinks } = this.#duties;
    while (!this.#stopped) {
      await this.#world.time.sleep(300 + this.#random.exponential(1_000));
      const roll = this.#random.fraction();
      if (compacts && roll < 0.4) await this.#compact();
      else if (movesLeader && roll < 0.7) await this.#moveLeader();
      else if (shrinks && roll > 0.6 && this.#random.chance(0.7)) await this.#shrinkOrGrow();
      else if (replacesMembers && roll > 0.7) await this.#replaceMember();
      if (this.#random.chance(DEFRAGMENT_CHANCE)) await this.#try((api) => api.defragment());
    }
  }

  async #compact(): Promise<void> {
    // What is deleted and compacted at once is where it gets difficult.
    const isNewest = this.#random.chance(0.4);
    if (isNewest) await this.#duties.deleteKey(this.#random.pick(this.#world.machines));
    const revision = this.#journal.told - (isNewest ? 0 : this.#random.below(OLDEST_COMPACTION));
    if (revision <= 1) return;
    await this.#try(async (api) => {
      await api.compact(revision);
      this.#world.count("compactions");
    });
  }

  async #moveLeader(): Promise<void> {
    const { leader } = this.#world;
    const target = this.#random.pick(this.#world.machines).process?.localId;
    if (leader !== undefined && target !== undefined) {
      await this.#try(async (api) => {
        await api.moveLeader(target);
        this.#world.count("leaders moved");
      }, leader);
    }
  }

  /**
   * A new member comes as a learner, is promoted, and one of the others goes; or one goes first, is erased, and comes
   * back at the same address as another member.
   */
  async #replaceMember(): Promise<void> {
    const before = await this.#settledMembers();
    if (before === undefined) return;
    const old = this.#random.pick(before);
    const isRebuilt = before.length > 2 && this.#random.chance(0.4);
    const oldAddress = old.peerUrls[0]!;
    if (isRebuilt && !(await this.#remove(old))) return;
    const address = isRebuilt ? oldAddress : `http://10.0.1.${this.#world.machines.length}:2380`;
    if (!(await this.#add(address))) return;
    this.#world.count(isRebuilt ? "members rebuilt" : "members added");
    if (!isRebuilt && before.length > 1 && (await this.#remove(old))) this.#world.count("members removed");
  }

  /** One member goes, be it the leader, until there is one left; then another one comes. */
  async #shrinkOrGrow(): Promise<void> {
    const before = await this.#settledMembers();
    if (before === undefined) return;
    const old = this.#random.pick(before);
    if (before.length === 1) {
      if (await this.#add(`http://10.0.1.${this.#world.machines.length}:2380`)) this.#world.count("grown");
    } else if (before.length === 2) {
      await this.#leaveOne(before.find((member) => member !== old)!, old);
    } else if (await this.#remove(old)) {
      this.#world.count("members removed");
    }
  }

  /**
   * From two voters to one, in a quiet hour: who stays would wait for the other one for ever, did it not learn that that one
   * has left for good.
   */
  async #leaveOne(last: MemberInfo, old: MemberInfo): Promise<void> {
    const { time, machines } = this.#world;
    const survivor = this.#world.machine(last.peerUrls[0]!)!;
    const everybody = machines.filter((machine) => machine.isWanted);
    this.#duties.calm();
    try {
      const giveUpMs = time.nowMs + REPLACE_TIMEOUT_MS;
      while (!everybody.every(({ process }) => process?.isServing === true)) {
        if (this.#stopped || time.nowMs > giveUpMs) return;
        await time.sleep(POLL_MS);
      }
      survivor.sparedUntilMs = Number.POSITIVE_INFINITY;
      void this.#remove(old);
      while (survivor.process?.isRemoved(old.id) !== true) {
        // Asked for, it will happen.
        if (this.#stopped) return;
        await time.sleep(POLL_MS);
      }
      this.#world.count("single voters left");
    } finally {
      survivor.sparedUntilMs = time.nowMs + LAST_VOTER_SPARED_MS;
      this.#duties.disturb();
    }
    this.#world.moment(old.peerUrls[0]!, "membership");
  }

  /** undefined when nobody tells, or one of them is on its way in. What a learner is to become may have to be decided. */
  async #settledMembers(): Promise<MemberInfo[] | undefined> {
    const members = await this.#try((api) => api.members());
    if (members === undefined || members.some(({ name }) => name === "")) return undefined;
    const learner = members.find(({ isLearner }) => isLearner);
    if (learner === undefined) return members;
    const roll = this.#random.fraction();
    if (roll < 0.3) await this.#try((api) => api.promoteMember(learner.id));
    else if (roll < 0.5) await this.#remove(learner);
    return undefined;
  }

  /** Returns whether a member at `address` has become a voter, or a learner that stays one. */
  async #add(address: string): Promise<boolean> {
    const { time } = this.#world;
    const giveUpMs = time.nowMs + REPLACE_TIMEOUT_MS;
    const staysLearner = this.#duties.keepsLearners && this.#random.chance(0.5);
    let isStarted = false;
    while (!this.#stopped && time.nowMs < giveUpMs) {
      await time.sleep(200);
      const members = await this.#try((api) => api.members());
      if (members === undefined) continue;
      const added = members.find(({ peerUrls }) => peerUrls[0] === address);
      if (added === undefined) {
        await this.#try((api) => api.addMember(address, true));
        continue;
      }
      if (!added.isLearner) return true;
      if (!isStarted) this.#duties.startMember(address, members);
      isStarted = true;
      if (staysLearner) {
        if (added.name === "") continue;
        this.#world.count("learners kept");
        return true;
      }
      await this.#try((api) => api.promoteMember(added.id));
    }
    return false;
  }

  /** Returns whether `member` is gone for certain. */
  async #remove(member: MemberInfo): Promise<boolean> {
    const { time } = this.#world;
    const giveUpMs = time.nowMs + REPLACE_TIMEOUT_MS;
    while (!this.#stopped && time.nowMs < giveUpMs) {
      await this.#try((api) => api.removeMember(member.id));
      const members = await this.#try((api) => api.members());
      if (members?.every(({ id }) => id !== member.id) === true) return true;
      await time.sleep(200);
    }
    return false;
  }

  async #try<Result>(run: (api: Api) => Promise<Result>, machine?: Machine): Promise<Result | undefined> {
    try {
      const asked = machine ?? this.#random.pick(this.#world.machines);
      return await run(new Api(this.#world, asked, this.name, this.#session));
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      this.#world.note(`the administrator was refused: ${error.message}`);
      return undefined;
    }
  }
}
