/** A process that runs the seeds it is asked for, one after another, and ends when nobody asks any more. */
import { runSeed, type SeedTask } from "./jobs.ts";

// An interrupt from the keyboard reaches all processes: this one finishes its seed.
process.on("SIGINT", () => {});
process.on("message", async ({ seed, settings }: SeedTask) => {
  const report = await runSeed(seed, settings);
  // Whoever asked may have been ended meanwhile.
  if (process.connected) process.send!(report);
});
