import type { Journal } from "../checks/journal.ts";
import type { Machine } from "../world/machine.ts";
import type { SeededRandom } from "../world/seeded-random.ts";
import type { World } from "../world/world.ts";
import { Api, type MemberInfo } from "./api.ts";
import { CallError } from "./calls.ts";

export interface Duties {
  readonly compacts: boolean;
  readonly movesLeader: boolean;
  readonly replacesMembers: boolean;
  /** Starts a member without data at `address`, on a machine that is new or was erased, to join `members`. */
  readonly startMember: (address: string, members: readonly MemberInfo[]) => void;
}

const REPLACE_TIMEOUT_MS = 30_000;

/** Compacts, moves leadership, and replaces members, as an operator does. */
export class Administrator {
  readonly #world: World;
  readonly #journal: Journal;
  readonly #random: SeededRandom;
  readonly #duties: Duties;
  #stopped = false;

  constructor(world: World, journal: Journal, duties: Duties) {
    this.#world = world;
    this.#journal = journal;
    this.#duties = duties;
    this.#random = world.random.fork();
  }

  stop(): void {
    this.#stopped = true;
  }

  async run(): Promise<void> {
    const { compacts, movesLeader, replacesMembers } = this.#duties;
    while (!this.#stopped) {
      await this.#world.time.sleep(300 + this.#random.exponential(1_000));
      const roll = this.#random.fraction();
      if (compacts && roll < 0.4) await this.#compact();
      else if (movesLeader && roll < 0.7) await this.#moveLeader();
      else if (replacesMembers && roll > 0.7) await this.#replaceMember();
    }
  }

  async #compact(): Promise<void> {
    const revision = this.#journal.told - this.#random.below(200);
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
    const before = await this.#try((api) => api.members());
    if (before === undefined || before.some(({ isLearner, name }) => isLearner || name === "")) return;
    const old = this.#random.pick(before);
    const isRebuilt = before.length > 2 && this.#random.chance(0.4);
    const oldAddress = old.peerUrls[0]!;
    if (isRebuilt && !(await this.#remove(old))) return;
    const address = isRebuilt ? oldAddress : `http://10.0.1.${this.#world.machines.length}:2380`;
    if (!(await this.#add(address))) return;
    this.#world.count(isRebuilt ? "members rebuilt" : "members added");
    // Never from two to one: who stays could die before it knows for certain that the other one has left for good.
    if (!isRebuilt && before.length > 1 && (await this.#remove(old))) this.#world.count("members removed");
  }

  /** Returns whether a member at `address` has become a voter. */
  async #add(address: string): Promise<boolean> {
    const { time } = this.#world;
    const giveUpMs = time.nowMs + REPLACE_TIMEOUT_MS;
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
      return await run(new Api(this.#world, machine ?? this.#random.pick(this.#world.machines)));
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      this.#world.note(`the administrator was refused: ${error.message}`);
      return undefined;
    }
  }
}
