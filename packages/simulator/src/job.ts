/** A process that runs the seeds it is asked for, one after another, and ends when nobody asks any more. */
import { runSeed, type SeedTask } from "./jobs.ts";

process.on("message", async ({ seed, settings }: SeedTask) => {
  process.send!(await runSeed(seed, settings));
});
