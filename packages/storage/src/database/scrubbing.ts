import { DatabaseFileError } from "@quorate/bbolt";
import type { Scrubbed } from "../seams/backend.ts";
import type { BackendCounts } from "../seams/backend-counts.ts";
import type { Clock } from "../seams/clock.ts";
import { Slices } from "../slices.ts";
import type { FileInUse } from "./file-in-use.ts";
import type { Replacements } from "./replacements.ts";

/** Looks again at the pages of the file in use, unless it is about to be replaced: the one that comes was just written. */
export class Scrubbing {
  /** What is done on the loop. */
  readonly slices: Slices;
  readonly #inUse: FileInUse;
  readonly #replacements: Replacements;
  readonly #counts: BackendCounts;

  constructor(inUse: FileInUse, replacements: Replacements, counts: BackendCounts, clock: Clock) {
    this.#inUse = inUse;
    this.#replacements = replacements;
    this.#counts = counts;
    this.slices = new Slices(clock);
  }

  async step(mostBytes: number): Promise<Scrubbed> {
    if (this.#replacements.isUnderWay) return { pages: 0, isEnd: false, fault: undefined };
    try {
      const { pages, isEnd } = await this.#inUse.file.scrub(mostBytes, async () => {
        await this.slices.next();
        this.slices.spend(mostBytes);
      });
      this.#counts.scrubbedPages += pages;
      return { pages, isEnd, fault: undefined };
    } catch (error) {
      if (error instanceof DatabaseFileError) return { pages: 0, isEnd: false, fault: error.message };
      throw error;
    }
  }
}
