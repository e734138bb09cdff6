/** Clients that read, write and swap a few registers which all of them share, and append to a shared log. */
import { LOG_PREFIX } from "../checker/journal.ts";
import { perform } from "./perform.ts";
import { repeat, type Session } from "./session.ts";

const REGISTER_COUNT = 6;
/** Operations on one register before the clients turn to a fresh one, so that searches stay short. */
const REGISTER_USES = 600;
/** Elements of one log before a new one is begun. */
const LOG_LENGTH = 40;

/** Shared by all register clients: how often registers have been used. */
export class Registers {
  #uses = 0;

  /** A register in use at the moment. */
  pick(session: Session): string {
    const setNumber = Math.floor(this.#uses++ / (REGISTER_COUNT * REGISTER_USES));
    return `register/${setNumber}/${session.random.below(REGISTER_COUNT)}`;
  }
}

export function runRegisterClient(session: Session, name: string, registers: Registers): Promise<void> {
  const { random } = session;
  return repeat(session, name, async (round) => {
    const key = registers.pick(session);
    const value = `${name}:${round}`;
    const step = random.weighted([
      [4, "put"],
      [3, "get"],
      [3, "swap"],
      [2, "serializable"],
    ] as const);
    if (step !== "swap") {
      await perform(session, { client: name, kind: step, key, ...(step === "put" ? { value } : {}) });
      return;
    }
    // Swapping what a serializable read found fails often enough to test that too.
    const kind = random.chance(0.5) ? "get" : "serializable";
    const read = await perform(session, { client: name, kind, key });
    if (read === undefined) return;
    await perform(session, { client: name, kind: "swap", key, value, expected: read.found });
  });
}

/** Appends elements of its own to the log that all members' appenders share. */
export function runAppender(session: Session, name: string): Promise<void> {
  let logNumber = 0;
  return repeat(session, name, async (round) => {
    const key = `${LOG_PREFIX}${logNumber}`;
    const read = await perform(session, { client: name, kind: "get", key });
    if (read === undefined) return;
    const before = read.found?.value;
    if (before !== undefined && before.split(",").length >= LOG_LENGTH) {
      logNumber += 1;
      return;
    }
    const value = before === undefined ? `${name}:${round}` : `${before},${name}:${round}`;
    await perform(session, { client: name, kind: "swap", key, value, expected: read.found });
  });
}
