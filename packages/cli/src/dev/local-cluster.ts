/** The members of a local cluster as one thing: started together, watched, stopped together. */
import type { Writable } from "node:stream";
import { clientUrl, type Layout, type MemberPlace, memberArguments } from "./layout.ts";
import { type MemberExit, MemberProcess } from "./member-process.ts";

const HEALTH_INTERVAL_MS = 100;
const HEALTH_TIMEOUT_MS = 1_000;
/** A member that has not ended by then does not mean to. */
const STOP_TIMEOUT_MS = 20_000;

export interface ClusterEvents {
  /** A member ended that nobody had asked to. */
  memberDied(member: MemberPlace, exit: MemberExit, stillRunning: number): void;
  /** Members that did not end in time are being killed. */
  killing(names: readonly string[]): void;
}

export class LocalCluster {
  /** Resolves when no member runs any more. */
  readonly ended: Promise<void>;
  readonly #layout: Layout;
  readonly #processes: readonly MemberProcess[];
  readonly #events: ClusterEvents;
  #stopping = false;

  constructor(
    layout: Layout,
    command: readonly string[],
    flags: readonly string[],
    prefixOf: (member: MemberPlace, index: number) => string,
    output: Writable,
    events: ClusterEvents,
  ) {
    this.#layout = layout;
    this.#events = events;
    this.#processes = layout.members.map((member, i) => {
      const args = [...memberArguments(layout, member), ...flags];
      return new MemberProcess(member.name, command, args, prefixOf(member, i), output);
    });
    this.ended = Promise.all(this.#processes.map((process, i) => this.#watch(process, i))).then(() => {});
  }

  /** Whether every member that has not died answers that it is healthy, which takes a leader; false once it is stopped. */
  async healthy(): Promise<boolean> {
    while (!this.#stopping && this.runningCount > 0) {
      const answers = await Promise.all(
        this.#layout.members.filter((_, i) => this.#processes[i]!.isRunning).map(isHealthy),
      );
      if (!this.#stopping && answers.length > 0 && answers.every(Boolean)) return true;
      await new Promise((resolve) => setTimeout(resolve, HEALTH_INTERVAL_MS));
    }
    return false;
  }

  /** Asks all members to end, one after the other; `ended` tells when they have. */
  stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    void this.#stopInTurn();
    const timer = setTimeout(() => {
      this.#events.killing(this.#running().map((process) => process.name));
      this.kill();
    }, STOP_TIMEOUT_MS);
    void this.ended.then(() => clearTimeout(timer));
  }

  kill(): void {
    this.#stopping = true;
    for (const process of this.#processes) process.signal("SIGKILL");
  }

  get runningCount(): number {
    return this.#running().length;
  }

  /** A leader hands over before it stops; one whose followers stop with it would wait for them in vain. */
  async #stopInTurn(): Promise<void> {
    for (const process of this.#processes) {
      process.signal("SIGTERM");
      await process.exited;
    }
  }

  #running(): readonly MemberProcess[] {
    return this.#processes.filter((process) => process.isRunning);
  }

  async #watch(process: MemberProcess, index: number): Promise<void> {
    const exit = await process.exited;
    if (!this.#stopping) {
      this.#events.memberDied(this.#layout.members[index]!, exit, this.runningCount);
    }
  }
}

async function isHealthy(member: MemberPlace): Promise<boolean> {
  try {
    const response = await fetch(`${clientUrl(member)}/health`, {
      signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS),
    });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false; // it does not serve yet
  }
}
