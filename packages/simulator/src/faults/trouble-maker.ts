import { SeededRandom } from "@quorate/testkit/random";
import type { Machine } from "../world/machine.ts";
import type { Moment } from "../world/moments.ts";
import { GOOD_LINKS } from "../world/network.ts";
import type { World } from "../world/world.ts";
import type { ScheduledFault } from "./fault-schedule.ts";
import { ENDING_FAULTS, type Fault, FITTING_FAULTS } from "./faults.ts";

const SHORTEST_FAULT_MS = 20;
/** How soon after a moment a fault of the fitting kind comes, before much else can happen; and any other. */
const SOON_MS = 0.01;
const MOMENT_MS = 30;
/** A fault of the fitting kind at a moment, as against any other soon after it. */
const FITTING_CHANCE = 0.75;
/** Operations of a disk that a snapshot, a start, a commit or the change of a segment takes, or less. */
const CRASH_POINTS = 24;
/** After this a rolling restart does not wait for a member any longer. */
const ROLLING_PATIENCE_MS = 3_000;
const ROLLING_POLL_MS = 20;
const PROMPT_RESTART_MS = 60;
/** A leader that is lost has time for some words, which some hear. */
const LAST_WORDS_MS = 5;
const UNHEARD_CHANCE = 0.6;
/** How many times as long as others a disk stalls until its member is a candidate, and was. */
const CANDIDATES_STALLS = 4;

export interface TroublePlan {
  readonly faults: readonly Fault[];
  /** Mean time between two faults. */
  readonly meanPauseMs: number;
  /** Mean time for which a fault lasts. */
  readonly meanFaultMs: number;
  /** Probability that a fault hits a machine just when much is in flux there. */
  readonly momentChance: number;
}

/** Takes down what goes wrong. */
export interface FaultRecorder {
  /** Called when the fault has been made. */
  faultMade(fault: ScheduledFault): void;
  troubleEnds(): void;
}

/** Lets things go wrong, one after another or several at once, and makes them good again after a while. */
export class TroubleMaker {
  /** Every fault that was made, in order. */
  readonly made: ScheduledFault[] = [];
  readonly #world: World;
  /** Draws when which fault comes to which machine; what a fault itself draws is the fault's. */
  readonly #scheduleRandom: SeededRandom;
  readonly #plan: TroublePlan;
  readonly #recorder: FaultRecorder | undefined;
  #stopped = false;
  #isCalm = false;
  /** Those that are to be lost at a moment, and what becomes of them then. */
  readonly #doomed = new Map<Machine, { readonly moment: Moment; readonly lose: () => void }>();
  /** World milliseconds before which no moment is used. */
  #nextMomentMs = 0;
  /** World milliseconds until which one fault of several steps takes its course. */
  #undisturbedUntilMs = 0;

  constructor(world: World, plan: TroublePlan, recorder: FaultRecorder | undefined) {
    this.#world = world;
    this.#scheduleRandom = world.random.fork();
    this.#plan = plan;
    this.#recorder = recorder;
  }

  /** Draws faults, until it is stopped. */
  async run(): Promise<void> {
    this.#world.onMoment = (machine, moment) => {
      this.#loseDoomed(machine, moment);
      this.#useMoment(machine, moment);
    };
    for (;;) {
      await this.#world.time.sleep(this.#scheduleRandom.exponential(this.#plan.meanPauseMs));
      if (this.#stopped) return;
      this.#draw(this.#scheduleRandom.pick(this.#plan.faults), this.#victim());
    }
  }

  /** Makes these faults and no others, at their times, until it is stopped. */
  play(schedule: readonly ScheduledFault[]): void {
    this.#world.onMoment = (machine, moment) => this.#loseDoomed(machine, moment);
    for (const scheduled of schedule) {
      this.#world.time.at(scheduled.atMs, () => {
        // A machine that joined in the run that the schedule is of may not be there in this one.
        const machine = this.#world.machines.find(({ name }) => name === scheduled.machine);
        if (machine !== undefined) this.#hurt(scheduled, machine);
      });
    }
  }

  /** Ends all trouble. */
  stop(): void {
    this.#stopped = true;
    this.#recorder?.troubleEnds();
    this.#repair();
    for (const machine of this.#world.machines) machine.disk.recover();
  }

  /** Makes everything good again, and lets nothing go wrong until `disturb`. */
  calm(): void {
    this.#isCalm = true;
    this.#repair();
  }

  disturb(): void {
    this.#isCalm = false;
  }

  #repair(): void {
    const { network, machines } = this.#world;
    network.heal();
    network.quality = GOOD_LINKS;
    this.#world.snapshotBreakChance = 0;
    for (const machine of machines) {
      machine.stalledUntilMs = 0;
      machine.failingSyncs = 0;
      machine.healRot();
      machine.capacityBytes = Number.POSITIVE_INFINITY;
      machine.losePowerAtOperation(Number.POSITIVE_INFINITY);
      if (machine.process?.life.isPaused === true) machine.process.life.resume();
    }
  }

  get #isOver(): boolean {
    return this.#stopped || this.#isCalm;
  }

  #draw(fault: Fault, machine: Machine): void {
    const scheduled = {
      number: this.made.length + 1,
      atMs: this.#world.time.nowMs,
      fault,
      machine: machine.name,
      durationMs: SHORTEST_FAULT_MS + this.#scheduleRandom.exponential(this.#plan.meanFaultMs),
      seed: this.#scheduleRandom.below(2 ** 52),
    };
    this.#hurt(scheduled, machine);
  }

  #hurt(scheduled: ScheduledFault, machine: Machine): void {
    const { number, fault, durationMs, seed } = scheduled;
    if (this.#isOver || this.#world.time.nowMs < this.#undisturbedUntilMs) return;
    if (ENDING_FAULTS.has(fault) && this.#isSpared(machine)) return;
    this.made.push(scheduled);
    this.#world.note(`FAULT ${number} ${fault} ${machine.name} for ${durationMs.toFixed(0)} ms`);
    this.#world.count(`fault ${fault}`);
    this.#make(fault, machine, durationMs, new SeededRandom(seed));
    this.#recorder?.faultMade(scheduled);
  }

  #isSpared(machine: Machine): boolean {
    return this.#world.time.nowMs < machine.sparedUntilMs;
  }

  #loseDoomed(machine: Machine, moment: Moment): void {
    const doom = this.#doomed.get(machine);
    if (this.#isOver || doom?.moment !== moment) return;
    this.#doomed.delete(machine);
    doom.lose();
  }

  #useMoment(machine: Machine, moment: Moment): void {
    const { time } = this.#world;
    if (this.#isOver || time.nowMs < this.#nextMomentMs) return;
    if (!this.#scheduleRandom.chance(this.#plan.momentChance)) return;
    this.#nextMomentMs = time.nowMs + this.#scheduleRandom.exponential(this.#plan.meanPauseMs);
    const fits = this.#scheduleRandom.chance(FITTING_CHANCE);
    if (fits) this.#world.count(`moment ${moment}`);
    const fault = this.#scheduleRandom.pick(fits ? FITTING_FAULTS[moment] : this.#plan.faults);
    // Not in the midst of what the process does: from a schedule, faults come between two events.
    const delayMs = this.#scheduleRandom.exponential(fits ? SOON_MS : MOMENT_MS);
    time.after(delayMs, () => this.#draw(fault, machine));
  }

  #victim(): Machine {
    const { leader, machines } = this.#world;
    return leader !== undefined && this.#scheduleRandom.chance(0.4)
      ? leader
      : this.#scheduleRandom.pick(machines);
  }

  #make(fault: Fault, machine: Machine, durationMs: number, random: SeededRandom): void {
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
          if (this.#isSpared(each)) continue;
          each.losePower();
          this.#world.restartLater(each, 100 + random.exponential(durationMs));
        }
        return;
      case "stop":
        machine.process?.stop();
        return;
      case "rolling-restart":
        void this.#restartAll(random);
        return;
      case "pause":
        this.#pause(machine, durationMs);
        return;
      case "cut":
        network.cut(machine.address, random.pick(machines).address);
        this.#healLater(durationMs);
        return;
      case "cut-out":
        for (const other of machines) if (other !== machine) network.cut(machine.address, other.address);
        this.#healLater(durationMs);
        return;
      case "partition":
        this.#partition(machines.filter(() => random.chance(0.5)));
        this.#healLater(durationMs);
        return;
      case "isolate-leader":
        this.#partition([machine]);
        this.#healLater(durationMs);
        return;
      case "bad-links":
        this.#spoilLinks(durationMs, random);
        return;
      case "disk-stall":
        machine.stalledUntilMs = time.nowMs + durationMs;
        return;
      case "stall-and-lose":
        this.#stallAndLose(machine, durationMs, random);
        return;
      case "lost-leader":
        machine.stalledUntilMs = time.nowMs + durationMs;
        this.#doomed.set(machine, { moment: "leadership", lose: () => this.#loseLeader(machine, random) });
        time.after(durationMs, () => this.#doomed.delete(machine));
        return;
      case "lost-candidate":
        this.#prepareCandidate(durationMs, random);
        return;
      case "crash-point":
        machine.losePowerAtOperation(1 + random.below(CRASH_POINTS));
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
      case "bit-rot":
        this.#rotAndLose(machine, durationMs, random);
        return;
      case "wall-clock":
        machine.skew.wallOffsetMs += random.uniform(-600_000, 600_000);
        return;
    }
  }

  /** What the machine says while its disk finishes nothing gets out; what it has written since then is lost, or not. */
  #stallAndLose(machine: Machine, durationMs: number, random: SeededRandom): void {
    const { time } = this.#world;
    const { process } = machine;
    machine.stalledUntilMs = time.nowMs + durationMs;
    const losesPower = random.chance(0.7);
    const restartMs = random.chance(0.5) ? random.exponential(PROMPT_RESTART_MS) : durationMs;
    time.after(durationMs * random.uniform(0.02, 1), () => {
      if (this.#isOver || this.#isSpared(machine) || machine.process !== process) return;
      if (losesPower) machine.losePower();
      else machine.kill();
      this.#world.restartLater(machine, restartMs);
    });
  }

  /** What has rotted shows when it is read from the medium again. */
  #rotAndLose(machine: Machine, durationMs: number, random: SeededRandom): void {
    const { time } = this.#world;
    machine.rotDatabase(random);
    time.after(random.exponential(durationMs), () => {
      if (this.#isOver || this.#isSpared(machine)) return;
      machine.losePower();
      this.#world.restartLater(machine, durationMs);
    });
  }

  /** It has just begun to lead, and not everybody hears of it before its power fails. */
  #loseLeader(machine: Machine, random: SeededRandom): void {
    const { network, machines, time } = this.#world;
    const { process } = machine;
    this.#world.note(`${machine.name} is lost as a leader`);
    this.#world.count("leaders lost");
    for (const other of machines) {
      if (other !== machine && random.chance(UNHEARD_CHANCE)) network.cut(machine.address, other.address);
    }
    time.after(random.exponential(LAST_WORDS_MS), () => {
      network.heal();
      if (machine.process === process) this.#losePromptly(machine, random);
    });
  }

  /**
   * A follower's disk does not get what the others agree on, until their leader is gone and it stands for election. It
   * forgets that: its power fails while those whom it has asked take their time to answer.
   */
  #prepareCandidate(durationMs: number, random: SeededRandom): void {
    const { leader, time, machines } = this.#world;
    const followers = machines.filter((each) => each !== leader && each.process?.isServing === true);
    if (leader === undefined || followers.length === 0) return;
    const machine = random.pick(followers);
    machine.stalledUntilMs = time.nowMs + CANDIDATES_STALLS * durationMs;
    this.#undisturbedUntilMs = machine.stalledUntilMs;
    time.after(durationMs, () => {
      if (this.#isOver || this.#isSpared(leader)) return;
      leader.kill();
      this.#world.restartLater(leader, CANDIDATES_STALLS * durationMs);
    });
    const { heartbeatMs = 100, electionTicks = 10 } = machine.options;
    const lose = () => {
      this.#world.note(`${machine.name} is lost as a candidate`);
      this.#world.count("candidates lost");
      // Until it stands again, and before anybody else does.
      const stallMs = heartbeatMs * electionTicks * random.uniform(0.2, 2);
      for (const other of machines) {
        if (other !== machine) other.stalledUntilMs = time.nowMs + stallMs;
      }
      this.#undisturbedUntilMs = time.nowMs + 2 * stallMs;
      time.after(random.exponential(LAST_WORDS_MS), () => this.#losePromptly(machine, random));
    };
    this.#doomed.set(machine, { moment: "candidacy", lose });
    time.after(CANDIDATES_STALLS * durationMs, () => this.#doomed.delete(machine));
  }

  #losePromptly(machine: Machine, random: SeededRandom): void {
    if (this.#isOver || this.#isSpared(machine)) return;
    machine.losePower();
    this.#world.restartLater(machine, random.exponential(PROMPT_RESTART_MS));
  }

  /** One machine after another, as for a new release: each is stopped, and the next one when it serves again. */
  async #restartAll(random: SeededRandom): Promise<void> {
    const { time, machines } = this.#world;
    const isPatient = random.chance(0.5);
    const first = random.below(machines.length);
    for (const machine of [...machines.slice(first), ...machines.slice(0, first)]) {
      if (this.#isOver) return;
      const { process } = machine;
      if (process === undefined || this.#isSpared(machine)) continue;
      process.stop();
      const untilMs =
        time.nowMs + (isPatient ? ROLLING_PATIENCE_MS : random.exponential(ROLLING_PATIENCE_MS / 10));
      while (time.nowMs < untilMs) {
        await time.sleep(ROLLING_POLL_MS);
        if (machine.process !== process && machine.process?.isServing === true) break;
      }
    }
  }

  #spoilLinks(durationMs: number, random: SeededRandom): void {
    const { network, time } = this.#world;
    network.quality = {
      latencyMs: random.exponential(20),
      jitterMs: random.exponential(30),
      loss: random.chance(0.5) ? random.uniform(0, 0.3) : 0,
      duplication: random.uniform(0, 0.4),
      reordering: random.uniform(0, 0.3),
    };
    this.#world.snapshotBreakChance = 0.5;
    time.after(durationMs, () => {
      network.quality = GOOD_LINKS;
      this.#world.snapshotBreakChance = 0;
    });
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
