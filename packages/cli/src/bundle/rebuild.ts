import { spawnSync } from "node:child_process";
import { accessSync, constants, mkdirSync } from "node:fs";
import path from "node:path";

/** Far more than it takes. A start waits no longer for it, and goes on from the sources. */
const TIMEOUT_MS = 60_000;

/**
 * Tries to make the bundle `file` of what lies behind `entry` in the checkout at `root`, and waits for it; says nothing when
 * that fails. In a process of its own: the bundler's threads and memory end with it, and whatever happens to it, this start
 * goes on.
 */
export function rebuild(root: string, entry: string, file: string): void {
  if (!hasBundler() || !isWritable(path.dirname(file))) return;
  // A debugger's or profiler's options are not meant for the child, but those of the engine are: it accepts compiled code
  // only of one that was started with the same.
  const { NODE_OPTIONS: _, ...env } = process.env;
  const options = process.execArgv.filter((option) => !/^--inspect|prof/.test(option));
  spawnSync(
    process.execPath,
    [...options, path.join(import.meta.dirname, "build-command.ts"), root, entry, file],
    { stdio: "ignore", env, timeout: TIMEOUT_MS, killSignal: "SIGKILL" },
  );
}

function hasBundler(): boolean {
  try {
    import.meta.resolve("rolldown");
    return true;
  } catch {
    return false;
  }
}

function isWritable(folder: string): boolean {
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
