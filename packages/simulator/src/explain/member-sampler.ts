import { StateType } from "@quorate/raft";
import type { Machine } from "../world/machine.ts";
import type { Process } from "../world/process.ts";
import type { Role } from "./timeline.ts";

export interface SampledLife {
  readonly member: string;
  readonly startMs: number;
  servingMs: number | undefined;
  endMs: number | undefined;
  endedBy: string | undefined;
}

export interface SampledPause {
  readonly member: string;
  readonly startMs: number;
  endMs: number | undefined;
}

export interface SampledState {
  readonly member: string;
  readonly atMs: number;
  readonly role: Role;
  readonly term: number;
}

export interface SampledProgress {
  readonly member: string;
  readonly atMs: number;
  readonly lastIndex: number;
  readonly committed: number;
  readonly applied: number;
}

const ROLES: Readonly<Record<StateType, Role>> = {
  [StateType.StateFollower]: "follower",
  [StateType.StateCandidate]: "candidate",
  [StateType.StateLeader]: "leader",
  [StateType.StatePreCandidate]: "pre-candidate",
};

/** Takes down what becomes of one machine's member, by looking at it after each event. */
export class MemberSampler {
  readonly lives: SampledLife[] = [];
  readonly pauses: SampledPause[] = [];
  readonly states: SampledState[] = [];
  readonly progress: SampledProgress[] = [];
  readonly #machine: Machine;
  #process: Process | undefined;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** Returns what has changed outwardly, a phrase each. */
  sample(atMs: number): string[] {
    const changes: string[] = [];
    const { process, name } = this.#machine;
    if (process !== this.#process) {
      if (this.#process !== undefined) changes.push(this.#end(atMs));
      if (process !== undefined) changes.push(this.#start(atMs));
      this.#process = process;
    }
    if (process === undefined) return changes;
    const life = this.lives.at(-1)!;
    if (life.servingMs === undefined && process.isServing) life.servingMs = atMs;
    const pause = this.pauses.at(-1);
    const wasPaused = pause !== undefined && pause.endMs === undefined;
    if (process.life.isPaused && !wasPaused) {
      this.pauses.push({ member: name, startMs: atMs, endMs: undefined });
      changes.push(`${name} is paused`);
    } else if (wasPaused && !process.life.isPaused) {
      pause.endMs = atMs;
      changes.push(`${name} goes on`);
    }
    this.#sampleConsensus(process, atMs);
    return changes;
  }

  #start(atMs: number): string {
    const { name } = this.#machine;
    this.lives.push({
      member: name,
      startMs: atMs,
      servingMs: undefined,
      endMs: undefined,
      endedBy: undefined,
    });
    this.#become(atMs, "starting", 0);
    return `${name} starts`;
  }

  #end(atMs: number): string {
    const { name, endedBy } = this.#machine;
    const life = this.lives.at(-1)!;
    life.endMs = atMs;
    life.endedBy = endedBy;
    const pause = this.pauses.at(-1);
    if (pause !== undefined) pause.endMs ??= atMs;
    this.#become(atMs, "down", 0);
    return `${name} ends: ${endedBy}`;
  }

  #sampleConsensus({ parts }: Process, atMs: number): void {
    if (parts === undefined) return;
    const { hardState, softState, isLearner, lastIndex } = parts.node.basicStatus();
    const role = isLearner ? "learner" : ROLES[softState.raftState];
    const state = this.states.at(-1)!;
    if (state.role !== role || state.term !== hardState.term) this.#become(atMs, role, hardState.term);
    const { appliedIndex: applied, committedIndex: committed } = parts.consensus;
    const last = this.progress.at(-1);
    if (last?.lastIndex === lastIndex && last.committed === committed && last.applied === applied) return;
    this.progress.push({ member: this.#machine.name, atMs, lastIndex, committed, applied });
  }

  #become(atMs: number, role: Role, term: number): void {
    this.states.push({ member: this.#machine.name, atMs, role, term });
  }
}
