import type { Machine } from "../world/machine.ts";
import { GOOD_LINKS } from "../world/network.ts";
import type { SeededRandom } from "../world/seeded-random.ts";
import type { World } from "../world/world.ts";

export type Fault =
  | "kill"
  | "power"
  | "blackout"
  | "stop"
  | "pause"
  | "cut"
  | "partition"
  | "isolate-leader"
  | "bad-links"
  | "disk-stall"
  | "disk-error"
  | "disk-full"
  | "wall-clock";

export const FAULTS: readonly Fault[] = [
  "kill",
  "power",
  "blackout",
  "stop",
  "pause",
  "cut",
  "partition",
  "isolate-leader",
  "bad-links",
  "disk-stall",
  "disk-error",
  "disk-full",
  "wall-clock",
];

const SHORTEST_FAULT_MS = 20;
const MOMENT_MS = 30;

export interface TroublePlan {
  readonly faults: readonly Fault[];
  /** Mean time between two faults. */
  readonly meanPauseMs: number;
  /** Mean time for which a fault lasts. */
  readonly meanFaultMs: number;
  /** Probability that a fault hits a machine just when much is in flux there. */
  readonly momentChance: number;
}

/** Lets things go wrong, one after another or several at once, and makes them good again after a while. */
export class TroubleMaker {
  readonly #world: World;
  readonly #random: SeededRandom;
  readonly #plan: TroublePlan;
  #stopped = false;

  constructor(world: World, plan: TroublePlan) {
    this.#world = world;
    this.#random = world.random.fork();
    this.#plan = plan;
    world.onMoment = (machine) => this.#useMoment(machine);
  }

  async run(): Promise<void> {
    for (;;) {
      await this.#world.time.sleep(this.#random.exponential(this.#plan.meanPauseMs));
      if (this.#stopped) return;
      this.#hurt(this.#random.pick(this.#plan.faults), this.#victim());
    }
  }

  /** Ends all trouble. */
  stop(): void {
    this.#stopped = true;
    const { network, machines } = this.#world;
    network.heal();
    network.quality = GOOD_LINKS;
    this.#world.snapshotBreakChance = 0;
    for (const machine of machines) {
      machine.stalledUntilMs = 0;
      machine.failingSyncs = 0;
      machine.capacityBytes = Number.POSITIVE_INFINITY;
      if (machine.process?.life.isPaused === true) machine.process.life.resume();
    }
  }

  #hurt(fault: Fault, machine: Machine): void {
    const durationMs = SHORTEST_FAULT_MS + this.#random.exponential(this.#plan.meanFaultMs);
    this.#world.note(`FAULT ${fault} ${machine.name} for ${durationMs.toFixed(0)} ms`);
    this.#world.count(`fault ${fault}`);
    this.#make(fault, machine, durationMs);
  }

  #useMoment(machine: Machine): void {
    if (this.#stopped || !this.#random.chance(this.#plan.momentChance)) return;
    const fault = this.#random.pick(this.#plan.faults);
    this.#world.time.after(this.#random.exponential(MOMENT_MS), () => {
      if (!this.#stopped) this.#hurt(fault, machine);
    });
  }

  #victim(): Machine {
    const { leader, machines } = this.#world;
    return leader !== undefined && this.#random.chance(0.4) ? leader : this.#random.pick(machines);
  }

  #make(fault: Fault, machine: Machine, durationMs: number): void {
    const { network, machines, time } = this.#world;
    switch (fault) {
      case "kill":
        machine.kill();
        this.#world.restartLater(machine, durationMs);
        return;
      case "power":
        machine.losePower();
        this.#world.restartLater(machine, durationMs);
        return;
      case "blackout":
        for (const each of machines) {
          each.losePower();
          this.#world.restartLater(each, 100 + this.#random.exponential(durationMs));
        }
        return;
      case "stop":
        machine.process?.stop();
        return;
      case "pause":
        this.#pause(machine, durationMs);
        return;
      case "cut":
        network.cut(machine.address, this.#random.pick(machines).address);
        this.#healLater(durationMs);
        return;
      case "partition":
        this.#partition(machines.filter(() => this.#random.chance(0.5)));
        this.#healLater(durationMs);
        return;
      case "isolate-leader":
        this.#partition([machine]);
        this.#healLater(durationMs);
        return;
      case "bad-links":
        network.quality = {
          latencyMs: this.#random.exponential(20),
          jitterMs: this.#random.exponential(30),
          loss: this.#random.chance(0.5) ? this.#random.between(0, 0.3) : 0,
          duplication: this.#random.between(0, 0.4),
          reordering: this.#random.between(0, 0.3),
        };
        this.#world.snapshotBreakChance = 0.5;
        time.after(durationMs, () => {
          network.quality = GOOD_LINKS;
          this.#world.snapshotBreakChance = 0;
        });
        return;
      case "disk-stall":
        machine.stalledUntilMs = time.nowMs + durationMs;
        return;
      case "disk-error":
        machine.failingSyncs = 1;
        return;
      case "disk-full":
        machine.capacityBytes = 0;
        time.after(durationMs, () => {
          machine.capacityBytes = Number.POSITIVE_INFINITY;
        });
        return;
      case "wall-clock":
        machine.skew.wallOffsetMs += this.#random.between(-600_000, 600_000);
        return;
    }
  }

  #pause({ process }: Machine, durationMs: number): void {
    if (process === undefined || process.life.isPaused) return;
    process.life.pause();
    this.#world.time.after(durationMs, () => {
      if (process.life.isPaused) process.life.resume();
    });
  }

  #partition(side: readonly Machine[]): void {
    const { network, machines } = this.#world;
    for (const a of side) {
      for (const b of machines) {
        if (side.includes(b)) continue;
        network.cut(a.address, b.address);
        network.cut(b.address, a.address);
      }
    }
  }

  #healLater(durationMs: number): void {
    this.#world.time.after(durationMs, () => this.#world.network.heal());
  }
}
