import { selectFaults } from "../faults/fault-schedule.ts";
import { circumstancesOf, exhibitNamed } from "../museum/index.ts";
import { type RunOptions, simulate } from "../run.ts";

/** What distinguishes a run from that of the same seed with everything, as on the command line. */
export interface ReplayOptions extends Pick<RunOptions, "seed" | "ignoredInvariants"> {
  /** Names of the mistakes that are planted, under their circumstances. */
  readonly plants?: readonly string[];
  readonly troubleMs: number;
  /** Numbers of the faults that are made; undefined: all. */
  readonly onlyFaults?: readonly number[] | undefined;
  /** Names of the clients that do something; undefined: all. */
  readonly onlyClients?: readonly string[] | undefined;
}

const NONE = "none";

/** The shell command that runs `options` again. */
export function replayCommand(options: ReplayOptions): string {
  const { seed, plants = [], ignoredInvariants = [], troubleMs, onlyFaults, onlyClients } = options;
  const words = ["node packages/simulator/src/main.ts", `--seed ${seed}`, `--trouble-ms ${troubleMs}`];
  words.push(...plants.map((plant) => `--plant ${plant}`));
  words.push(...ignoredInvariants.map((invariant) => `--ignore ${invariant}`));
  if (onlyFaults !== undefined) words.push(`--only-faults ${onlyFaults.join(",") || NONE}`);
  // Some names have spaces.
  if (onlyClients !== undefined) words.push(`--only-clients "${onlyClients.join(",") || NONE}"`);
  return words.join(" ");
}

/** The value of --only-faults. */
export function parseFaultNumbers(text: string): number[] {
  if (text === NONE) return [];
  return text.split(",").map((part) => {
    const number = Number(part);
    if (!Number.isInteger(number) || number < 1) {
      throw new Error(`--only-faults takes numbers of faults, such as 3,7, or "${NONE}", and not "${text}"`);
    }
    return number;
  });
}

/** The value of --only-clients. */
export function parseClients(text: string): string[] {
  return text === NONE ? [] : text.split(",");
}

/**
 * What to simulate for `options`. Numbers of faults are those of the whole run of the seed, with all faults and clients;
 * with some chosen, it is therefore simulated here first.
 */
export async function resolveReplay(replay: ReplayOptions): Promise<RunOptions> {
  const { onlyFaults, onlyClients } = replay;
  const whole = wholeRun(replay);
  const options = onlyClients === undefined ? whole : { ...whole, onlyClients };
  if (onlyFaults === undefined) return options;
  const { faults } = await simulate(whole);
  return { ...options, faults: selectFaults(faults, onlyFaults) };
}

/** The run with all faults and clients. Throws when there is no mistake of one of the names. */
export function wholeRun({
  seed,
  plants: names = [],
  ignoredInvariants = [],
  troubleMs,
}: ReplayOptions): RunOptions {
  const plants = names.map(exhibitNamed);
  return { seed, plants, circumstances: circumstancesOf(plants), ignoredInvariants, troubleMs };
}
