/** A machine with so much else to do that a process does not run for seconds. */

import type { Server } from "@quorate/testkit/process";
import type { SeededRandom } from "@quorate/testkit/random";

const APART_MS = 500;
/** Longer than an election takes, shorter than a request may. */
const LONGEST_MS = 4_000;

/** Pauses one of `servers` after the other, in any order, until it is disposed of. */
export function pausing(servers: readonly Server[], random: SeededRandom): Disposable {
  let paused: Server | undefined;
  let timer: NodeJS.Timeout;
  const resume = (): void => {
    paused?.resume();
    paused = undefined;
    timer = setTimeout(pause, random.between(1, APART_MS));
  };
  const pause = (): void => {
    paused = random.pick(servers);
    paused.pause();
    timer = setTimeout(resume, random.between(1, random.chance(0.1) ? LONGEST_MS : APART_MS));
  };
  resume();
  return {
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      paused?.resume();
    },
  };
}
