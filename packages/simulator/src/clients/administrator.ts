import type { Journal } from "../checks/journal.ts";
import type { Machine } from "../world/machine.ts";
import type { SeededRandom } from "../world/seeded-random.ts";
import type { World } from "../world/world.ts";
import { Api } from "./api.ts";
import { CallError } from "./calls.ts";

export interface Duties {
  readonly compacts: boolean;
  readonly movesLeader: boolean;
  /** Makes a machine that does not run yet; undefined: members stay as they are. */
  readonly newMachine:
    | ((members: readonly { name: string; peerUrls: readonly string[] }[]) => Machine)
    | undefined;
}

const REPLACE_TIMEOUT_MS = 30_000;

/** Compacts, moves leadership, and replaces members, as an operator does. */
export class Administrator {
  replaced = 0;
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
    const { compacts, movesLeader, newMachine } = this.#duties;
    while (!this.#stopped) {
      await this.#world.time.sleep(500 + this.#random.exponential(1_500));
      const roll = this.#random.fraction();
      if (compacts && roll < 0.4) await this.#compact();
      else if (movesLeader && roll < 0.7) await this.#moveLeader();
      else if (newMachine !== undefined && roll < 0.9) await this.#replaceMember(newMachine);
    }
  }

  async #compact(): Promise<void> {
    const revision = this.#journal.told - this.#random.below(200);
    if (revision > 1) await this.#try((api) => api.compact(revision));
  }

  async #moveLeader(): Promise<void> {
    const { leader } = this.#world;
    const target = this.#random.pick(this.#world.machines).process?.localId;
    if (leader !== undefined && target !== undefined)
      await this.#try((api) => api.moveLeader(target), leader);
  }

  /** A new member comes as a learner, is promoted, and one of the others goes. */
  async #replaceMember(newMachine: NonNullable<Duties["newMachine"]>): Promise<void> {
    const { time } = this.#world;
    const giveUpMs = time.nowMs + REPLACE_TIMEOUT_MS;
    const before = await this.#try((api) => api.members());
    if (before === undefined || before.some(({ isLearner, name }) => isLearner || name === "")) return;
    const address = `http://10.0.1.${this.#world.machines.length}:2380`;
    await this.#try((api) => api.addMember(address, true));
    let id: bigint | undefined;
    let machine: Machine | undefined;
    while (!this.#stopped && time.nowMs < giveUpMs) {
      await time.sleep(200);
      const members = await this.#try((api) => api.members());
      const added = members?.find(({ peerUrls }) => peerUrls[0] === address);
      if (members === undefined) continue;
      if (added === undefined) {
        // Whether it will still be added nobody knows.
        await this.#try((api) => api.addMember(address, true));
        continue;
      }
      id = added.id;
      if (machine === undefined) {
        machine = newMachine(members.map(({ name, peerUrls }) => ({ name, peerUrls })));
        machine.start();
      }
      if (!added.isLearner) break;
      await this.#try((api) => api.promoteMember(added.id));
    }
    if (id === undefined || this.#stopped || time.nowMs >= giveUpMs) return;
    const old = this.#random.pick(before);
    await this.#try((api) => api.removeMember(old.id));
    this.replaced++;
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
