import { DatabaseFileError } from "@quorate/bbolt";
import type { Message } from "@quorate/raft";
import type { MemberParts, MemberStorage } from "@quorate/server/simulation";
import { type Disk, DiskError } from "@quorate/storage/seams/disk";
import { SeededRandom } from "@quorate/testkit/random";
import { ClusterInvariants } from "../invariants/cluster-invariants.ts";
import type { Invariant } from "../invariants/invariants.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Machine, MachineWorld } from "./machine.ts";
import { MemberObserver } from "./member-observer.ts";
import type { Moment } from "./moments.ts";
import { Network } from "./network.ts";
import type { Plant } from "./plant.ts";
import type { Process } from "./process.ts";
import type { WorldRecorder } from "./recording.ts";
import type { Rule } from "./rule.ts";
import { Trace } from "./trace.ts";
import { VirtualTime } from "./virtual-time.ts";

export interface WorldOptions {
  readonly seed: number;
  readonly plants: readonly Plant[];
  /** How many lines of what happened are remembered. */
  readonly traceLines: number;
  /** A run goes on when one of these is broken. Default none. */
  readonly ignoredInvariants?: ReadonlySet<Invariant>;
}

/** Links are looked at this often. */
const PROBE_MS = 50;
const RESTART_POLL_MS = 100;
const MAX_STEPS = 100_000;
/** A file that a database is received in. The number at its end counts through all runs of this process. */
const RECEIVING_FILE = /(\/tmp[0-9a-f]+)-\d+/g;

/** Machines, their network and one time: everything that a run can meet. What it meets follows from the seed. */
export class World implements MachineWorld {
  readonly time = new VirtualTime();
  /** Others draw from streams that are forked from it, each once, so that what one does changes nothing for the next. */
  readonly random: SeededRandom;
  /** Of transfers of a database. */
  readonly snapshotRandom: SeededRandom;
  readonly network: Network;
  readonly trace: Trace;
  readonly machines: Machine[] = [];
  readonly violations: string[] = [];
  /** What the violations are of, one for each. */
  readonly brokenRules: Rule[] = [];
  readonly invariants = new ClusterInvariants((invariant, text) => this.broken(invariant, text));
  /** How often what came about. */
  readonly counts = new Map<string, number>();
  /** Of transfers of a database. */
  snapshotBreakChance = 0;
  /** Told of moments at which a fault would hurt most, and of the machine that it would hurt. */
  onMoment: (machine: Machine, moment: Moment) => void = () => {};
  /** Told of a process each time that it has run. */
  observe: (process: Process) => void = () => {};
  /** Told of a process, each time that it is about to apply an entry, and of the entry's index. */
  observeEntry: (process: Process, index: number) => void = () => {};
  /** Takes down what happens, in a run that is to be shown. */
  recorder: WorldRecorder | undefined;
  readonly #plants: readonly Plant[];
  readonly #ignoredInvariants: ReadonlySet<Invariant>;
  readonly #plantedInEngine = new DisposableStack();
  #lastEntered: Process | undefined;
  #steps = 0;

  constructor({ seed, plants, traceLines, ignoredInvariants = new Set() }: WorldOptions) {
    this.random = new SeededRandom(seed);
    this.network = new Network(this.time, this.random.fork());
    this.snapshotRandom = this.random.fork();
    this.trace = new Trace(traceLines);
    this.#plants = plants;
    for (const plant of plants) if (plant.inEngine !== undefined) this.#plantedInEngine.use(plant.inEngine());
    this.#ignoredInvariants = ignoredInvariants;
    this.#probeLater();
  }

  /** Lets time pass until `isDone` or a violation. */
  async run(isDone: () => boolean): Promise<void> {
    using _ = catchingEscapes((error) => this.#escaped(error));
    await this.time.run(
      () => this.violations.length > 0 || isDone(),
      () => this.#observeEntered(),
    );
  }

  /** Ends all processes, and resolves when nothing of them is left: what they were about to do is done in vain. */
  async end(): Promise<void> {
    using _ = catchingEscapes((error) => this.note(`after the end: ${describeError(error)}`));
    for (const machine of this.machines) machine.kill();
    // No more than what a promise that has settled sets off; time and disks stand still.
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    this.#plantedInEngine.dispose();
  }

  violation(text: string, rule: Rule): void {
    this.note(`VIOLATION ${text}`);
    this.violations.push(text);
    this.brokenRules.push(rule);
    this.recorder?.violation(text);
  }

  broken(invariant: Invariant, text: string): void {
    if (this.#ignoredInvariants.has(invariant)) this.count(`ignored ${invariant}`);
    else this.violation(`${invariant}: ${text}`, invariant);
  }

  moment(address: string, moment: Moment): void {
    const machine = this.machine(address);
    if (machine !== undefined) this.onMoment(machine, moment);
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  note(what: string): void {
    this.trace.note(this.time.nowMs, what.replaceAll(RECEIVING_FILE, "$1"));
  }

  machine(address: string): Machine | undefined {
    return this.machines.find((machine) => machine.address === address);
  }

  endpoint(address: string): Endpoint | undefined {
    return this.machine(address)?.process;
  }

  get leader(): Machine | undefined {
    return this.machines.find((machine) => machine.process?.isLeader === true);
  }

  // What processes report.

  entered(process: Process): void {
    this.#lastEntered = process;
  }

  /** Counts what a process does in one event; throws in a process that goes on without end, and would stop the world. */
  step(): void {
    if (++this.#steps > MAX_STEPS) throw new Error("the process does not yield");
  }

  processFailed(process: Process, error: Error): void {
    const machine = this.machine(process.address)!;
    this.note(`${process.name} fails: ${describeError(error)}`);
    if (isOfDamage(error) && machine.healRot()) this.count("rot found");
    else if (!isExplained(error)) {
      this.violation(`${process.name} failed: ${describeError(error)}`, "no failure");
    }
    // A failed sync leaves bytes in the kernel's memory that it will never write: such a machine is started anew.
    if (error instanceof DiskError && error.code === "IO") machine.losePower("failure of its disk");
    else machine.kill("failure");
    this.restartLater(machine);
  }

  processEnded(process: Process): void {
    const machine = this.machine(process.address)!;
    this.note(`${process.name} has stopped`);
    machine.kill("stop");
    this.restartLater(machine);
  }

  processRemoved(process: Process): void {
    this.note(`${process.name} is removed`);
    this.machine(process.address)!.isWanted = false;
    process.stop();
  }

  restartLater(machine: Machine, delayMs: number = 200 + machine.random.exponential(500)): void {
    this.time.after(delayMs, () => {
      if (!machine.isWanted || machine.isUp) return;
      // A process whose write is stuck in the kernel does not go away before that.
      if (machine.diskUnderWay.size > 0) this.restartLater(machine, RESTART_POLL_MS);
      else machine.start();
    });
  }

  assembled(process: Process, storage: MemberStorage, parts: MemberParts): MemberObserver {
    const machine = this.machine(process.address)!;
    const observer = new MemberObserver(storage, parts, {
      who: { name: machine.name, memberId: storage.localId, life: machine.lives },
      invariants: this.invariants,
      report: (invariant, text) => this.broken(invariant, text),
      before: machine.durable,
      onMoment: (moment) => this.onMoment(machine, moment),
      onEntry: (index) => this.observeEntry(process, index),
    });
    this.#plantInMember(process, storage, parts);
    return observer;
  }

  // Planted mistakes.

  #plantInMember({ life, address }: Process, storage: MemberStorage, parts: MemberParts): void {
    const nowMs = () => this.time.nowMs;
    for (const plant of this.#plants) {
      plant.inMember?.({
        parts,
        storage,
        clock: life.clock,
        isFirst: this.#isFirst(address),
        nowMs,
      });
    }
  }

  plantOnDisk(disk: Disk): Disk {
    return this.#plants.reduce((planted, plant) => plant.onDisk?.(planted) ?? planted, disk);
  }

  plantInArrival(
    to: Endpoint,
    message: Message,
    answer: (message: Message) => void,
    receive: () => void,
  ): void {
    const plant = this.#plants.find(({ onArrival }) => onArrival !== undefined);
    if (plant === undefined) {
      receive();
      return;
    }
    plant.onArrival!({
      to,
      toFirst: this.#isFirst(to.address),
      message,
      nowMs: this.time.nowMs,
      answer,
      receive,
      receiveLater: (delayMs) => {
        this.time.after(delayMs, () => to.life.enter(receive));
      },
    });
  }

  plantedToRepeat(message: Message): boolean {
    return this.#plants.some((plant) => plant.repeats?.(message) === true);
  }

  #isFirst(address: string): boolean {
    return address === this.machines[0]!.address;
  }

  #escaped(error: Error): void {
    const process = this.#lastEntered;
    if (process === undefined || isOfTheSimulator(error)) {
      this.violation(`unhandled: ${describeError(error)}`, "no failure");
    } else if (process.life.isAlive) {
      this.processFailed(process, error);
    } else {
      // What it was about to do when it ended, in the midst of an event, is done in vain.
      this.note(`${process.name} is gone: ${describeError(error)}`);
    }
  }

  #observeEntered(): void {
    const process = this.#lastEntered;
    this.#lastEntered = undefined;
    this.#steps = 0;
    this.recorder?.sample();
    if (process?.life.isAlive !== true) return;
    try {
      process.observer?.observe();
      this.observe(process);
    } catch (error) {
      // Whoever looks reads the process's own database.
      if (!isOfDamage(error as Error)) throw error;
      this.processFailed(process, error as Error);
    }
  }

  #probeLater(): void {
    this.time.after(PROBE_MS, () => {
      this.#probeLater();
      for (const machine of this.machines) machine.process?.transport?.probe();
    });
  }
}

/** Until it is disposed of, `onEscaped` is told of errors that nobody else has caught, instead of Node.js. */
function catchingEscapes(onEscaped: (error: Error) => void): Disposable {
  const listener = (error: unknown) => onEscaped(error as Error);
  process.on("unhandledRejection", listener);
  process.on("uncaughtException", listener);
  return {
    [Symbol.dispose]: () => {
      process.off("unhandledRejection", listener);
      process.off("uncaughtException", listener);
    },
  };
}

/** A disk that fails ends a member, and so does an answer of the cluster that a start cannot go on with. */
function isExplained(error: Error): boolean {
  return (
    error instanceof DiskError ||
    error.cause instanceof DiskError ||
    /^cannot fetch cluster info from peer urls|^error validating peerURLs|^incompatible with current running/.test(
      error.message,
    )
  );
}

/** With its stack, in which files are named alike wherever the sources lie: a run's digest is of such texts, too. */
function describeError(error: Error): string {
  return `${error?.stack ?? error}`.replaceAll(/file:\/\/\S*?\/packages\//g, "packages/");
}

/** A member refuses what is not as it was written. */
function isOfDamage(error: Error): boolean {
  return error instanceof DatabaseFileError || error.cause instanceof DatabaseFileError;
}

function isOfTheSimulator(error: Error): boolean {
  return /packages\/simulator\/src\/(clients|checks|faults|invariants)/.test(
    error?.stack?.split("\n")[1] ?? "",
  );
}
