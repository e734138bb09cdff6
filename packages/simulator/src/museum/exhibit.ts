import type { Scenario } from "../scenario.ts";
import type { Plant } from "../world/plant.ts";

/** A mistake that somebody has made before us, or could make, and that the checks must find. */
export interface Exhibit extends Plant {
  /** Unique; for the command line. */
  readonly name: string;
  /** What members do wrong, as a sentence. */
  readonly mistake: string;
  /** Where it was made: `etcd#` and the number of an issue or pull request there, a place in the literature, or "ours". */
  readonly origin: string;
  /** What a run must be like for the mistake to matter; the rest is drawn as always. Default: nothing. */
  readonly circumstances?: Partial<Scenario>;
}
