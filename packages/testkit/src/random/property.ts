/**
 * fast-check, whose properties all draw from `QUORATE_SEED` or from a seed of the moment, and say when they fail how to
 * replay that.
 */
import fc from "fast-check";
import { freshSeed, replayCommand } from "./seed.ts";

fc.configureGlobal({
  seed: freshSeed(),
  reporter(outcome) {
    if (!outcome.failed) return;
    const text = fc.defaultReportMessage(outcome);
    throw new Error(`${text}\nreplay: ${replayCommand(outcome.seed)}`, { cause: outcome.errorInstance });
  },
});

export { fc };
