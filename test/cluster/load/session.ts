/** One member as its clients see it, over all lives of its process. */

import type { SeededRandom } from "@quorate/testkit/random";
import type { Journal, Life } from "../checker/journal.ts";
import type { MemberClient } from "../client.ts";

export interface Session {
  readonly client: MemberClient;
  readonly journal: Journal;
  readonly random: SeededRandom;
  /** The present life of the member's process. */
  life(): Life;
  /** The load, or this member's part of it, ends. */
  stopping(): boolean;
  /** Mean pause between two steps of one worker, in milliseconds. */
  readonly paceMs: number;
}

export const OPERATION_TIMEOUT_MS = 3_000;

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Repeats a step until the load ends. Errors that faults explain are counted; others are problems. */
export async function repeat(session: Session, who: string, step: (round: number) => Promise<void>) {
  for (let round = 1; !session.stopping(); round++) {
    try {
      await step(round);
    } catch (error) {
      session.journal.noteError(error, who);
      await sleep(20);
    }
    await sleep(session.random.below(2 * session.paceMs));
  }
}
