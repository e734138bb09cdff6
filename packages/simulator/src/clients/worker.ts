import type { SeededRandom } from "@quorate/testkit/random";
import type { Machine } from "../world/machine.ts";
import type { World } from "../world/world.ts";
import { Api } from "./api.ts";
import { CallError } from "./calls.ts";
import type { Action, Answer, Journal, KeyInterval } from "./journal.ts";
import type { Session } from "./session.ts";

const REGISTERS = 6;
/** So many revisions before what was told last, transactions read at most. */
const OLDEST_READ = 250;
const AFTER_FAILURE_MS = 50;
const FLOOD_AT_ONCE = 50;
const FLOOD_POLL_MS = 50;
const FLOOD_PAUSE_MS = 1_000;
/** Entries. */
const FAR_BEHIND = 5;
const ALL_REGISTERS = { key: "r/", end: "r0" };
/** What not every user may read who may write registers. */
const KEYS_OF_LEASES = { key: "l/", end: "l0" };
const register = (number: number) => `r/${number}`;

/** A client that does one thing after another at any member, and takes down what it was told. */
export class Worker {
  readonly name: string;
  readonly #world: World;
  readonly #journal: Journal;
  readonly #random: SeededRandom;
  readonly #thinkMs: number;
  readonly #session: Session | undefined;
  #count = 0;
  /** What it last knew each register to be at. */
  readonly #known = new Map<string, number>();
  #stopped = false;

  /** `session`: of the user that it acts for. */
  constructor(world: World, journal: Journal, name: string, thinkMs: number, session?: Session) {
    this.#world = world;
    this.#session = session;
    this.#journal = journal;
    this.name = name;
    this.#random = world.random.fork();
    this.#thinkMs = thinkMs;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Works until it is stopped. */
  async run(): Promise<void> {
    while (!this.#stopped) {
      await this.#world.time.sleep(this.#random.exponential(this.#thinkMs));
      if (this.#stopped) return;
      const answered = await this.perform(this.#random.pick(this.#world.machines), this.#choose());
      if (!answered) await this.#world.time.sleep(this.#random.exponential(AFTER_FAILURE_MS));
    }
  }

  /** Writes much while somebody is behind, until it is stopped. */
  async flood(): Promise<void> {
    const { time } = this.#world;
    while (!this.#stopped) {
      await time.sleep(FLOOD_POLL_MS);
      const { leader } = this.#world;
      if (leader === undefined || !this.#isSomebodyBehind() || this.#random.chance(0.2)) continue;
      for (let left = 550 + this.#random.below(500); left > 0 && !this.#stopped; left -= FLOOD_AT_ONCE) {
        const puts = Array.from({ length: FLOOD_AT_ONCE }, (_, i) =>
          this.perform(leader, { kind: "put", key: `f/${i}`, value: this.value() }),
        );
        if ((await Promise.all(puts)).includes(false)) break;
      }
      await time.sleep(this.#random.exponential(FLOOD_PAUSE_MS));
    }
  }

  #isSomebodyBehind(): boolean {
    const wanted = this.#world.machines.filter((machine) => machine.isWanted);
    const applied = wanted.map(({ process }) => process?.parts?.consensus.appliedIndex ?? 0);
    return Math.min(...applied) < Math.max(...applied) - FAR_BEHIND;
  }

  /** Returns whether it was answered. */
  async perform(machine: Machine, action: Action): Promise<boolean> {
    const { time, trace } = this.#world;
    const process = machine.process;
    const floor = action.kind === "range" && action.serializable ? (process?.told ?? 0) : this.#journal.told;
    const operation = this.#journal.begin(this.name, machine.name, action, floor, time.nowMs);
    try {
      const answer = await this.#act(new Api(this.#world, machine, undefined, this.#session), action);
      this.#journal.answered(operation, answer, time.nowMs);
      if (process !== undefined) process.told = Math.max(process.told, answer.revision);
      trace.mark(time.nowMs, `${this.name} ${answer.revision}`);
      return true;
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      this.#journal.failed(operation, error.hadNoEffect, time.nowMs);
      trace.mark(time.nowMs, `${this.name} ${error.message}`);
      return false;
    }
  }

  /** A value that nobody else writes. */
  value(): string {
    return `${this.name}-${++this.#count}`;
  }

  #choose(): Action {
    const key = register(this.#random.below(REGISTERS));
    const roll = this.#random.fraction();
    if (roll < 0.35) return { kind: "put", key, value: this.value() };
    if (roll < 0.6) return { kind: "range", key, end: "", serializable: false };
    if (roll < 0.68) return { kind: "range", ...ALL_REGISTERS, serializable: false };
    if (roll < 0.76) return { kind: "range", key, end: "", serializable: true };
    if (roll < 0.82) return { kind: "delete", key };
    const expected = this.#known.get(key) ?? 0;
    const swap = {
      ...({ kind: "swap", key, logKey: `log/${this.name}`, value: this.value(), expected } as const),
      ...(this.#session === undefined ? {} : { isNested: this.#random.chance(0.5) }),
    };
    if (roll < 0.91) return swap;
    if (roll < 0.94) return { ...swap, readRange: this.#interval() };
    return { ...swap, readRevision: Math.max(1, this.#journal.told - this.#random.below(OLDEST_READ)) };
  }

  #interval(): KeyInterval {
    return this.#session !== undefined && this.#random.chance(0.5) ? KEYS_OF_LEASES : ALL_REGISTERS;
  }

  async #act(api: Api, action: Action): Promise<Answer> {
    switch (action.kind) {
      case "put":
        return this.#learn(action.key, { revision: await api.put(action.key, action.value, action.lease) });
      case "delete": {
        const { revision, deleted } = await api.delete(action.key);
        this.#known.delete(action.key);
        return { revision, changed: deleted > 0 };
      }
      case "swap": {
        const { revision, succeeded, found } = await api.swap(action);
        const answer = { revision, changed: succeeded };
        const [first = [], second = []] = found;
        if (action.readRange === undefined) return this.#learn(action.key, { ...answer, found: first });
        return this.#learn(action.key, { ...answer, before: first, after: second });
      }
      case "range": {
        const { revision, pairs } = await api.range(action.key, action.end, action.serializable);
        for (const { key, modRevision } of pairs) this.#known.set(key, modRevision);
        return { revision, found: pairs };
      }
    }
  }

  #learn(key: string, answer: Answer): Answer {
    if (answer.changed !== false) this.#known.set(key, answer.revision);
    return answer;
  }
}
