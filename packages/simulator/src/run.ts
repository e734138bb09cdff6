import type { SeededRandom } from "@quorate/testkit/random";
import { compareHashes, compareTables, haveConverged } from "./checks/convergence.ts";
import { History, KeyHistories } from "./checks/history.ts";
import { checkLeases } from "./checks/leases.ts";
import { checkOperations } from "./checks/operations.ts";
import { checkUsers } from "./checks/users/check-users.ts";
import { checkWatcher } from "./checks/watches.ts";
import { Accounts } from "./clients/accounts.ts";
import { Administrator } from "./clients/administrator.ts";
import type { MemberInfo } from "./clients/api.ts";
import { Journal } from "./clients/journal.ts";
import { LeaseHolder } from "./clients/lease-holder.ts";
import { Session } from "./clients/session.ts";
import { UserAdministrator } from "./clients/user-administrator.ts";
import { Watcher, type WatcherOptions } from "./clients/watcher.ts";
import { Worker } from "./clients/worker.ts";
import { Recorder } from "./explain/recorder.ts";
import type { ScheduledFault } from "./faults/fault-schedule.ts";
import { TroubleMaker } from "./faults/trouble-maker.ts";
import type { Invariant } from "./invariants/invariants.ts";
import { ResourceLimits } from "./invariants/resources.ts";
import { drawScenario, drawUsers, type Scenario } from "./scenario.ts";
import { addressesOfTwins, firstAddresses } from "./world/addresses.ts";
import { Machine } from "./world/machine.ts";
import type { Plant } from "./world/plant.ts";
import type { Process } from "./world/process.ts";
import type { Rule } from "./world/rule.ts";
import { World } from "./world/world.ts";

export interface RunOptions {
  readonly seed: number;
  /** Mistakes to be planted. Default: none. */
  readonly plants?: readonly Plant[];
  /** What is not drawn from the seed. Default: nothing. */
  readonly circumstances?: Partial<Scenario>;
  /** World time for which faults come. Default 15 s. */
  readonly troubleMs?: number;
  /** Makes these faults, of a run of the same seed, and draws none. */
  readonly faults?: readonly ScheduledFault[];
  /** Names of clients: the others do nothing. What these draw stays as it is. Default all. */
  readonly onlyClients?: readonly string[];
  /** Takes down what is needed to show the run. Changes nothing of what happens. Default false. */
  readonly isRecorded?: boolean;
  /** How many lines of what happened the result has. Default 0. */
  readonly traceLines?: number;
  /** The run goes on when one of these is broken, to see what else is wrong. Default none. */
  readonly ignoredInvariants?: readonly Invariant[];
}

export interface RunResult {
  readonly seed: number;
  readonly scenario: Scenario;
  /** What was wrong; empty when all was well. */
  readonly violations: readonly string[];
  /** What the violations are of, one for each. */
  readonly brokenRules: readonly Rule[];
  /** Equal for equal runs. */
  readonly digest: string;
  readonly trace: readonly string[];
  /** World time from which on faults came; infinite when the cluster did not come so far. */
  readonly troubleStartMs: number;
  /** All that were made. */
  readonly faults: readonly ScheduledFault[];
  /** Names of those that did something. */
  readonly clients: readonly string[];
  /** Everything that is needed to show the run, when that was asked for. */
  readonly recorder: Recorder | undefined;
  /** All that workers did. */
  readonly journal: Journal;
  readonly worldMs: number;
  readonly events: number;
  readonly operations: number;
  readonly acknowledged: number;
  readonly revisions: number;
  readonly leases: number;
  readonly watched: number;
  /** How often what came about. */
  readonly counts: ReadonlyMap<string, number>;
}

/** After the last fault members come up, elect and serve, within so long. */
const RECOVERY_MS = 30_000;
/** Everything that clients began has ended, leases too, within so long. */
const QUIET_MS = 60_000;
const POLL_MS = 100;
/** In which clocks of members with IDs that are alike go on. */
const TWINS_WALL_STEP_MS = 100;
const EVERYTHING = { key: "\0", end: "~" };
const REGISTERS = { key: "r/", end: "r0" };

/** Simulates one cluster from its first start to its end. Never rejects for what members do wrong. */
export async function simulate(options: RunOptions): Promise<RunResult> {
  return new Run(options).simulate();
}

class Run {
  readonly #options: RunOptions;
  readonly #world: World;
  readonly #recorder: Recorder | undefined;
  readonly #scenario: Scenario;
  readonly #history: History;
  readonly #journal = new Journal();
  readonly #workers: Worker[] = [];
  readonly #holders: LeaseHolder[] = [];
  readonly #watchers: Watcher[] = [];
  readonly #limits = new WeakMap<Process, ResourceLimits>();
  readonly #random: SeededRandom;
  readonly #clients: string[] = [];
  readonly #accounts = new Accounts();
  readonly #sessions: Session[] = [];
  /** Root's; undefined where there are no users. */
  readonly #root: Session | undefined;
  #trouble: TroubleMaker | undefined;
  #troubleStartMs = Number.POSITIVE_INFINITY;
  #troubleIsOver = false;
  #clientsAreDone = false;

  constructor(options: RunOptions) {
    const { seed, plants = [], circumstances, troubleMs = 15_000, traceLines = 0 } = options;
    const ignoredInvariants = new Set(options.ignoredInvariants);
    this.#options = options;
    this.#world = new World({ seed, plants, traceLines, ignoredInvariants });
    this.#recorder = options.isRecorded === true ? new Recorder(this.#world) : undefined;
    this.#world.recorder = this.#recorder;
    const drawn = { ...drawScenario(this.#world.random, troubleMs), ...drawUsers(seed) };
    this.#scenario = { ...drawn, ...circumstances };
    this.#random = this.#world.random.fork();
    this.#history = new History(this.#world);
    this.#root = this.#sessionOf("root");
    this.#world.observeEntry = (process, index) => this.#history.begins(process, index);
    this.#world.observe = (process) => {
      this.#history.observe(process);
      this.#observeLimits(process);
    };
  }

  async simulate(): Promise<RunResult> {
    const world = this.#world;
    world.note(`scenario ${JSON.stringify(this.#scenario)}`);
    this.#startMembers();
    if (await this.#wait("the first start", RECOVERY_MS, () => haveConverged(this.#members()))) {
      await this.#work();
      await this.#settle();
    }
    await world.end();
    return this.#result();
  }

  #startMembers(): void {
    const { members, hasTwins, firstCrashPoint } = this.#scenario;
    const isAlone = members < 2;
    const addresses =
      hasTwins && !isAlone ? addressesOfTwins(this.#world.random, members) : firstAddresses(members);
    const cluster = addresses.map((address, i) => ({ name: `m${i + 1}`, peerUrls: [address] }));
    for (const { name, peerUrls } of cluster) {
      this.#addMachine(name, peerUrls[0]!, { initialCluster: cluster, initialClusterState: "new" });
    }
    const { machines, random } = this.#world;
    if (firstCrashPoint > 0) random.pick(machines).losePowerAtOperation(firstCrashPoint);
    for (const machine of machines) machine.start();
  }

  #addMachine(
    name: string,
    address: string,
    cluster: Pick<Machine["options"], "initialCluster" | "initialClusterState">,
  ) {
    const { clockSkew, hasTwins, member, tokens } = this.#scenario;
    const { random } = this.#world;
    const skew = {
      rate: 1 + random.uniform(-clockSkew, clockSkew),
      originMs: random.below(1_000_000),
      wallOffsetMs: hasTwins ? 0 : random.below(10_000),
      wallStepMs: hasTwins ? TWINS_WALL_STEP_MS : 1,
    };
    const options = {
      dataDir: "/data",
      name,
      initialAdvertisePeerUrls: [address],
      ...cluster,
      authToken: tokens,
      ...member,
    };
    const machine = new Machine(this.#world, name, address, skew, options, this.#scenario);
    this.#world.machines.push(machine);
    return machine;
  }

  /** Clients work while things go wrong. */
  async #work(): Promise<void> {
    const world = this.#world;
    const scenario = this.#scenario;
    for (let i = 0; i < scenario.workers; i++) {
      this.#workers.push(
        new Worker(world, this.#journal, `w${i}`, scenario.thinkMs, this.#sessionOfClient(i)),
      );
    }
    for (let i = 0; i < scenario.leaseHolders; i++) {
      const session = this.#sessionOfClient(i);
      const putter = new Worker(world, this.#journal, `h${i}`, 0, session);
      this.#holders.push(new LeaseHolder(world, putter, `h${i}`, session));
    }
    const [first] = world.machines;
    for (const machine of world.machines) {
      this.#watch(machine, { ...EVERYTHING, name: `all of ${machine.name}` });
      this.#watch(machine, { ...REGISTERS, name: `registers of ${machine.name}` });
    }
    for (let i = 0; i < scenario.roamers; i++) {
      this.#watch(first!, { ...EVERYTHING, name: `all anywhere ${i + 1}`, roams: true });
    }
    this.#watch(first!, { ...EVERYTHING, name: "all slowly", roams: true, isSlow: true });
    for (let i = 0; i < scenario.futureWatchers; i++) {
      this.#watch(first!, { ...EVERYTHING, name: `all to come ${i + 1}`, roams: true, looksAhead: true });
    }
    for (let i = 0; i < scenario.slowWatchers; i++) {
      this.#watch(first!, { ...EVERYTHING, name: `all of ${first!.name} slowly ${i + 1}`, isSlow: true });
    }
    this.#watch(first!, { ...REGISTERS, name: "puts of registers", roams: true, filters: ["deletes"] });
    this.#watch(first!, { ...REGISTERS, name: "deletes of registers", roams: true, filters: ["puts"] });
    const flooder = scenario.floods ? new Worker(world, this.#journal, "flood", 0, this.#root) : undefined;
    const trouble = new TroubleMaker(world, scenario, this.#recorder);
    this.#trouble = trouble;
    const deleter = new Worker(world, this.#journal, "administrator", 0, this.#root);
    const duties = {
      ...scenario,
      deleteKey: (machine: Machine) => deleter.perform(machine, { kind: "delete", key: "r/0" }),
      startMember: (address: string, members: readonly MemberInfo[]) => this.#startJoining(address, members),
      calm: () => trouble.calm(),
      disturb: () => trouble.disturb(),
    };
    const administrators = [
      new Administrator(world, this.#journal, duties, this.#root),
      ...this.#userAdministrators(),
    ];
    const clients = [...this.#workers, ...this.#holders, ...administrators].filter(({ name }) =>
      this.#takesPart(name),
    );
    const works = clients.map((each) => each.run());
    if (flooder !== undefined && this.#takesPart(flooder.name)) works.push(flooder.flood());
    void this.#watchFromTheBeginning();
    void Promise.all(works).then(() => {
      this.#clientsAreDone = true;
    });
    const { faults } = this.#options;
    if (faults === undefined) void trouble.run();
    else trouble.play(faults);
    this.#troubleStartMs = world.time.nowMs;
    const endMs = this.#troubleStartMs + scenario.troubleMs;
    // An event of its own: the trouble ends just then, and not with whatever comes next, be it a fault that is not made.
    world.time.at(endMs, () => {});
    await world.run(() => world.time.nowMs >= endMs);
    world.note("the trouble ends");
    this.#troubleIsOver = true;
    for (const each of [...clients, trouble]) each.stop();
    flooder?.stop();
    for (const machine of world.machines) if (machine.isWanted) world.restartLater(machine, 1);
  }

  /** One, if there are users. */
  #userAdministrators(): UserAdministrator[] {
    const root = this.#root;
    if (root === undefined) return [];
    const users = Array.from({ length: this.#scenario.users }, (_, i) => `u${i}`);
    return [new UserAdministrator(this.#world, root, this.#accounts, users)];
  }

  /** The users are dealt out to workers, and to holders of leases. */
  #sessionOfClient(number: number): Session | undefined {
    const { users } = this.#scenario;
    return this.#sessionOf(`u${number % users}`);
  }

  #sessionOf(user: string): Session | undefined {
    if (this.#scenario.users === 0) return undefined;
    const session = new Session(this.#world, user, this.#accounts, this.#history);
    this.#sessions.push(session);
    return session;
  }

  #watch(machine: Machine, options: WatcherOptions): Watcher {
    const watcher = new Watcher(this.#world, this.#journal, machine, options, this.#root);
    if (this.#takesPart(options.name)) {
      this.#watchers.push(watcher);
      watcher.start();
    }
    return watcher;
  }

  /** One watcher after another asks for the whole history, and takes what is left of it. */
  async #watchFromTheBeginning(): Promise<void> {
    const { time, machines } = this.#world;
    for (let i = 1; !this.#troubleIsOver; i++) {
      const watcher = this.#watch(this.#random.pick(machines), { ...EVERYTHING, name: `latecomer ${i}` });
      await time.sleep(300 + this.#random.exponential(700));
      watcher.stop();
    }
  }

  /** Whether the client of that name does anything in this run. */
  #takesPart(name: string): boolean {
    const takesPart = this.#options.onlyClients?.includes(name) ?? true;
    if (takesPart) this.#clients.push(name);
    return takesPart;
  }

  #startJoining(address: string, members: readonly MemberInfo[]): void {
    const world = this.#world;
    const found = world.machine(address);
    const name = found?.name ?? `m${world.machines.length + 1}`;
    const initialCluster = members.map((member) =>
      member.peerUrls[0] === address ? { ...member, name } : member,
    );
    const state = { initialCluster, initialClusterState: "existing" } as const;
    const machine = found ?? this.#addMachine(name, address, state);
    machine.wipe({ ...machine.options, ...state });
    machine.start();
    if (found !== undefined) return;
    this.#watch(machine, { ...EVERYTHING, name: `all of ${name}` });
  }

  /** Everything must become well again, and then everything must have been well. */
  async #settle(): Promise<void> {
    const world = this.#world;
    const probe = new Worker(world, this.#journal, "probe", 0, this.#root);
    for (const machine of this.#members()) {
      let answered = false;
      const ask = async () => {
        while (!answered && machine.isWanted && !isLearner(machine)) {
          answered = await probe.perform(machine, { kind: "put", key: "probe", value: probe.value() });
          if (!answered) await world.time.sleep(POLL_MS);
        }
        answered = true;
      };
      void ask();
      if (!(await this.#wait(`an answer of ${machine.name}`, RECOVERY_MS, () => answered))) return;
    }
    if (!(await this.#wait("clients to end", QUIET_MS, () => this.#clientsAreDone))) return;
    const leases = () => this.#members().every(({ process }) => process?.parts?.lessor.size === 0);
    if (!(await this.#wait("the end of all leases", QUIET_MS, leases))) return;
    if (!(await this.#wait("equal members", QUIET_MS, () => haveConverged(this.#members())))) return;
    const last = this.#history.lastRevision;
    // By events, or by the progress that they ask for.
    const knowEverything = () => {
      // Each time anew: a member may learn only now that it was removed.
      this.#moveWatchers();
      return this.#watchers.every(({ next, isStopped }) => next > last || isStopped);
    };
    if (!(await this.#wait("watchers", QUIET_MS, knowEverything))) return;
    let hashed = false;
    void this.#compare(last).finally(() => {
      hashed = true;
    });
    await this.#wait("hashes", QUIET_MS, () => hashed);
  }

  /** Watchers of members that are gone, or not promoted, go on elsewhere. */
  #moveWatchers(): void {
    const voters = this.#members().filter((machine) => !isLearner(machine));
    for (const watcher of this.#watchers) {
      if (!voters.includes(watcher.machine)) watcher.machine = voters[0]!;
    }
  }

  async #compare(last: number): Promise<void> {
    const world = this.#world;
    const members = this.#members();
    for (const { process } of members) this.#history.observeAll(process!);
    const keys = new KeyHistories(this.#history);
    const leases = this.#holders.flatMap((holder) => holder.leases);
    const voters = members.filter((machine) => !isLearner(machine));
    const found: [Rule, string[]][] = [
      ["linearizability", checkOperations(this.#journal, this.#history, keys)],
      ["watches", this.#watchers.flatMap((watcher) => checkWatcher(watcher, this.#history, keys))],
      ["leases", checkLeases(leases, keys, this.#history, 1 + this.#scenario.clockSkew)],
      ["users", this.#checkUsers(members)],
      ["convergence", compareTables(members)],
      ["convergence", await compareHashes(world, voters, last, this.#root)],
    ];
    for (const [rule, wrong] of found) for (const text of wrong) world.violation(text, rule);
  }

  #checkUsers(members: readonly Machine[]): string[] {
    const { tokens } = this.#scenario;
    return checkUsers(
      this.#history,
      this.#sessions.flatMap((session) => session.calls),
      members.map(({ name, process }) => ({ name, parts: process!.parts! })),
      tokens.kind === "simple" ? tokens.ttlMs : undefined,
      (what) => this.#world.count(what),
    );
  }

  #observeLimits(process: Process): void {
    const { storage, parts, observer, config } = process;
    if (!process.isRestored || observer === undefined) return;
    let limits = this.#limits.get(process);
    if (limits === undefined) {
      limits = new ResourceLimits(process.name, (invariant, text) => this.#world.broken(invariant, text));
      this.#limits.set(process, limits);
      observer.onBacklogShrank = () => this.#observeLimits(process);
    }
    const { nowMs } = this.#world.time;
    const machine = this.#world.machine(process.address)!;
    limits.observe({
      nowMs,
      appliedIndex: parts!.consensus.appliedIndex,
      snapshotIndex: Math.max(storage!.snapshot.index, observer.snapshotIndex),
      snapshotCount: config.snapshotCount,
      backlogBytes: observer.backlogBytes,
      isHindered: machine.isStalled,
      longestFlushMs: machine.disk.longestFlushMs,
      longestSyncMs: machine.disk.longestSyncMs,
    });
  }

  /** Machines whose members belong to the cluster, as far as they know. */
  #members(): Machine[] {
    return this.#world.machines.filter((machine) => machine.isWanted);
  }

  /** Lets time pass until `isDone`; a violation when that takes longer than `limitMs`. */
  async #wait(what: string, limitMs: number, isDone: () => boolean): Promise<boolean> {
    const world = this.#world;
    const giveUpMs = world.time.nowMs + limitMs;
    await world.run(() => isDone() || world.time.nowMs >= giveUpMs);
    if (world.violations.length > 0) return false;
    if (isDone()) return true;
    const states = world.machines.map((machine) => `${machine.name} ${describeState(machine)}`);
    world.violation(`waited ${limitMs} ms for ${what}: ${states.join(", ")}`, "liveness");
    return false;
  }

  #result(): RunResult {
    const { trace, time, violations, brokenRules } = this.#world;
    const { operations } = this.#journal;
    return {
      seed: this.#options.seed,
      scenario: this.#scenario,
      violations,
      brokenRules,
      digest: trace.digest,
      trace: trace.lines,
      troubleStartMs: this.#troubleStartMs,
      faults: this.#trouble?.made ?? [],
      clients: this.#clients,
      recorder: this.#recorder,
      journal: this.#journal,
      worldMs: time.nowMs,
      events: time.events,
      operations: operations.length,
      acknowledged: operations.filter(({ outcome }) => outcome === "ok").length,
      revisions: this.#history.lastRevision,
      leases: this.#holders.reduce((sum, { leases }) => sum + leases.length, 0),
      watched: this.#watchers.reduce((sum, { seen }) => sum + seen.length, 0),
      counts: this.#world.counts,
    };
  }
}

function isLearner({ process }: Machine): boolean {
  return process?.storage?.membership.isLearner === true;
}

function describeState({ process, isWanted }: Machine): string {
  if (process === undefined) return isWanted ? "down" : "removed";
  const consensus = process.parts?.consensus;
  if (consensus === undefined) return "starting";
  const { leader, appliedIndex, committedIndex } = consensus;
  const doing = process.isServing ? "serving" : "starting";
  return `${doing}, leader ${leader.toString(16)}, applied ${appliedIndex} of ${committedIndex}, ${process.parts!.lessor.size} leases`;
}
