import fs from "node:fs";
import { FAILPOINT_NAMES, type FailpointName, isFailpointName } from "./names.ts";
import { nextTerm, parseTerms, sleepMs, type Terms, type TermValue } from "./terms.ts";

export type FailpointFailure = "DISABLED" | "NOT_FOUND" | "UNPARSABLE";

const TEXTS: Readonly<Record<FailpointFailure, string>> = {
  DISABLED: "failpoint: failpoint is disabled",
  NOT_FOUND: "failpoint: failpoint does not exist",
  UNPARSABLE: "failpoint: could not parse terms",
};

export class FailpointError extends Error {
  readonly code: FailpointFailure;

  constructor(code: FailpointFailure) {
    super(TEXTS[code]);
    this.name = "FailpointError";
    this.code = code;
  }
}

/** What a point does besides waiting; replaced in tests. */
export interface FailpointEffects {
  /** Uniform in [0, 1). */
  chance(): number;
  /** Ends the process without any clean-up. */
  die(message: string): void;
  print(line: string): void;
}

/**
 * The points of a process that was started with failpoints, see `failpoints`. A point that has no terms does nothing.
 */
export class Failpoints {
  readonly #terms = new Map<FailpointName, Terms>();
  readonly #effects: FailpointEffects;

  constructor(effects: FailpointEffects = REAL_EFFECTS) {
    this.#effects = effects;
  }

  /**
   * For steps that may wait: `if (failpoints !== undefined) await failpoints.hit("raftBeforeSave")`. Resolves after the
   * sleep that was asked for, at once if none; the loop goes on meanwhile.
   */
  async hit(name: FailpointName): Promise<TermValue> {
    const outcome = this.#evaluate(name);
    if (outcome === undefined) return undefined;
    if (outcome.waitMs > 0) await new Promise<void>((resolve) => setTimeout(resolve, outcome.waitMs));
    return outcome.value;
  }

  /**
   * For steps of the synchronous loop: dies here if that was asked for, and returns the milliseconds by which the
   * step is to be put off, mostly 0. A step that can be put off keeps its place in its queue and sets a timer for the
   * rest; the loop itself must not wait:
   *
   *     const waitMs = failpoints === undefined ? 0 : failpoints.hitSync("beforeSendWatchResponse");
   *     if (waitMs > 0) return void clock.setTimer(waitMs, () => this.#sendNow(batch));
   *     this.#sendNow(batch);
   */
  hitSync(name: FailpointName): number {
    return this.#evaluate(name)?.waitMs ?? 0;
  }

  /** Throws `FailpointError`: `NOT_FOUND`, `UNPARSABLE`. */
  enable(name: string, text: string): void {
    const known = this.#known(name);
    const terms = parseTerms(text);
    if (terms === undefined) throw new FailpointError("UNPARSABLE");
    this.#terms.set(known, terms);
  }

  /** Throws `FailpointError`: `NOT_FOUND`, `DISABLED`. */
  disable(name: string): void {
    if (!this.#terms.delete(this.#known(name))) throw new FailpointError("DISABLED");
  }

  /** The terms and how often they have come into effect. Throws `FailpointError`: `NOT_FOUND`, `DISABLED`. */
  status(name: string): { text: string; hits: number } {
    const terms = this.#terms.get(this.#known(name));
    if (terms === undefined) throw new FailpointError("DISABLED");
    return { text: terms.text, hits: terms.hits };
  }

  /** `name=terms` of every point, sorted by name. */
  list(): string[] {
    return [...FAILPOINT_NAMES].sort().map((name) => `${name}=${this.#terms.get(name)?.text ?? ""}`);
  }

  #known(name: string): FailpointName {
    if (!isFailpointName(name)) throw new FailpointError("NOT_FOUND");
    return name;
  }

  #evaluate(name: FailpointName): { waitMs: number; value: TermValue } | undefined {
    const terms = this.#terms.get(name);
    if (terms === undefined) return undefined;
    const term = nextTerm(terms, this.#effects.chance);
    if (term === undefined) return undefined;
    switch (term.action) {
      case "off":
        return undefined;
      case "return":
        return { waitMs: 0, value: term.value };
      case "print":
        this.#effects.print(`failpoint print: ${name}`);
        return undefined;
      case "panic":
        this.#effects.die(`failpoint panic: ${term.value ?? name}`);
        return undefined;
      case "sleep": {
        const waitMs = sleepMs(term.value);
        if (waitMs !== undefined) return { waitMs, value: undefined };
        this.#effects.print(`failpoint: ignoring sleep(${term.value ?? ""}) on ${name}`);
        return undefined;
      }
    }
  }
}

const REAL_EFFECTS: FailpointEffects = {
  chance: Math.random,
  die: (message) => {
    writeLine(2, `panic: ${message}`);
    // Not process.exit, which runs handlers and waits for native threads: a crash does neither.
    process.kill(process.pid, "SIGKILL");
  },
  print: (line) => writeLine(1, line),
};

function writeLine(fd: number, line: string): void {
  try {
    fs.writeSync(fd, `${line}\n`);
  } catch {
    // Nobody reads it; that must not change what the failpoint does.
  }
}
