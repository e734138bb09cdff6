import { stat } from "node:fs/promises";
import type { Logger } from "../log/logger.ts";

const RECOMMENDED_MODE = 0o700;

/**
 * Warns when others than its owner may enter a directory of data: one that a member makes is its own, but one that it finds
 * is left as it is.
 */
export async function warnWhenOpen(directory: string, log: Logger): Promise<void> {
  const mode = await modeOf(directory);
  if (mode === undefined || mode === RECOMMENDED_MODE) return;
  log.warn("a directory of data is open to others", {
    directory,
    mode: mode.toString(8),
    "recommended-mode": RECOMMENDED_MODE.toString(8),
  });
}

/** Undefined when there is no such directory. */
async function modeOf(directory: string): Promise<number | undefined> {
  try {
    return (await stat(directory)).mode & 0o777;
  } catch {
    return undefined;
  }
}
