/** Every process that a test has started is killed, and every folder removed, when the test's process ends. */
import type { ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const running = new Set<ChildProcess>();
const temporaryDirs = new Set<string>();

function cleanUp(): void {
  for (const child of running) child.kill("SIGKILL");
  running.clear();
  for (const dir of temporaryDirs) rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
  temporaryDirs.clear();
}
process.on("exit", cleanUp);
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    cleanUp();
    process.exit(1);
  });
}

/** Has `child` killed when this process ends, unless it has ended by then. */
export function killAtExit(child: ChildProcess): void {
  running.add(child);
  for (const event of ["error", "close"]) child.once(event, () => running.delete(child));
}

/** A folder that is removed when the process ends. `QUORATE_TMP_DIR` chooses the disk. */
export function temporaryDir(prefix: string): string {
  const base = process.env.QUORATE_TMP_DIR ?? tmpdir();
  mkdirSync(base, { recursive: true });
  const dir = mkdtempSync(path.join(base, `quorate-${prefix}-`));
  if (process.env.QUORATE_KEEP_DIRS === undefined) temporaryDirs.add(dir);
  return dir;
}

export function removeDir(dir: string): void {
  temporaryDirs.delete(dir);
  rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
}
