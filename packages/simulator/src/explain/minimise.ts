import { selectFaults } from "../faults/fault-schedule.ts";
import { type RunOptions, type RunResult, simulate } from "../run.ts";
import { deltaDebug } from "./delta-debugging.ts";
import { type ReplayOptions, wholeRun } from "./replay.ts";
import { violatedRule } from "./violated-rule.ts";

export interface MinimiseLimits {
  readonly runs: number;
  readonly seconds: number;
}

/** What is left of a run that violates a rule. */
export interface Minimised {
  /** See `violatedRule`. */
  readonly rule: string;
  /** Fails by the same rule, with as little as was found to be enough. */
  readonly run: RunOptions;
  /** The same, to be printed. */
  readonly replay: ReplayOptions;
  /** How many runs it took. */
  readonly runs: number;
  /** The limits ended the search: there may be less. */
  readonly wasCutShort: boolean;
}

/** Trouble that is so much longer than another that is too short is short enough. */
const TROUBLE_STEP_MS = 100;

/**
 * Leaves out faults, then clients, then time from a run that failed, for as long as it goes on violating the same rule;
 * again, until nothing more can go. `failed` is the result of
 * `options`.
 */
export async function minimise(
  options: ReplayOptions,
  failed: RunResult,
  limits: MinimiseLimits,
): Promise<Minimised> {
  return new Search(options, failed, limits).run();
}

class Search {
  readonly #options: ReplayOptions;
  readonly #whole: RunResult;
  readonly #limits: MinimiseLimits;
  readonly #rule: string;
  readonly #startedMs = performance.now();
  /** By what was tried. Equal runs have equal results. */
  readonly #known = new Map<string, boolean>();
  #faults: readonly number[];
  #clients: readonly string[];
  #troubleMs: number;
  #runs = 0;
  #wasCutShort = false;

  constructor(options: ReplayOptions, failed: RunResult, limits: MinimiseLimits) {
    this.#options = options;
    this.#whole = failed;
    this.#limits = limits;
    this.#rule = violatedRule(failed.violations[0]!);
    this.#faults = failed.faults.map(({ number }) => number);
    this.#clients = failed.clients;
    this.#troubleMs = options.troubleMs;
  }

  async run(): Promise<Minimised> {
    for (let before = ""; before !== this.#size() && !this.#wasCutShort; ) {
      before = this.#size();
      this.#faults = await deltaDebug(this.#faults, (faults) => this.#fails({ faults }));
      this.#clients = await deltaDebug(this.#clients, (clients) => this.#fails({ clients }));
      await this.#shortenTrouble();
    }
    return {
      rule: this.#rule,
      run: this.#runOptions(this.#faults, this.#clients, this.#troubleMs),
      replay: {
        ...this.#options,
        troubleMs: this.#troubleMs,
        onlyFaults: this.#faults,
        onlyClients: this.#clients,
      },
      runs: this.#runs,
      wasCutShort: this.#wasCutShort,
    };
  }

  #size(): string {
    return `${this.#faults.length} ${this.#clients.length} ${this.#troubleMs}`;
  }

  /** By halving. The start of a run is the same however long it is, but for what comes when its trouble ends. */
  async #shortenTrouble(): Promise<void> {
    let tooShortMs = 0;
    while (this.#troubleMs - tooShortMs > TROUBLE_STEP_MS) {
      const troubleMs = Math.round((this.#troubleMs + tooShortMs) / 2);
      const fails = await this.#fails({ troubleMs });
      if (fails === undefined) break;
      if (fails) this.#troubleMs = troubleMs;
      else tooShortMs = troubleMs;
    }
    this.#faults = this.#madeWithin(this.#troubleMs, this.#faults);
  }

  /** Whether a run with less still violates the rule; undefined when the limits are reached. */
  async #fails({
    faults = this.#faults,
    clients = this.#clients,
    troubleMs = this.#troubleMs,
  }): Promise<boolean | undefined> {
    const what = JSON.stringify([faults, clients, troubleMs]);
    const known = this.#known.get(what);
    if (known !== undefined) return known;
    const seconds = (performance.now() - this.#startedMs) / 1_000;
    if (this.#runs >= this.#limits.runs || seconds >= this.#limits.seconds) {
      this.#wasCutShort = true;
      return undefined;
    }
    this.#runs++;
    const { violations } = await simulate(this.#runOptions(faults, clients, troubleMs));
    const fails = violations.some((violation) => violatedRule(violation) === this.#rule);
    this.#known.set(what, fails);
    return fails;
  }

  #runOptions(faults: readonly number[], clients: readonly string[], troubleMs: number): RunOptions {
    return {
      ...wholeRun(this.#options),
      troubleMs,
      faults: selectFaults(this.#whole.faults, this.#madeWithin(troubleMs, faults)),
      onlyClients: clients,
    };
  }

  /** Those of `faults` that come before the end of a trouble of this length: no other can be asked for. */
  #madeWithin(troubleMs: number, faults: readonly number[]): number[] {
    const endMs = this.#whole.troubleStartMs + troubleMs;
    const made = this.#whole.faults.filter(({ atMs }) => atMs < endMs).map(({ number }) => number);
    return faults.filter((number) => made.includes(number));
  }
}
