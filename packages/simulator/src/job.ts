/** A process that runs the seeds it is asked for, one after another, and ends when nobody asks any more. */
import { runSeed, type SeedTask } from "./jobs.ts";

process.on("message", async ({ seed, settings }: SeedTask) => {
  const report = await runSeed(seed, settings);
  // Whoever asked may have been ended meanwhile.
  if (process.connected) process.send!(report);
});
