import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import path from "node:path";
import test from "node:test";

const repositoryRoot = path.resolve(import.meta.dirname, "../..");
const LIMIT_MS = 15 * 60_000;

/** A test that is a program: it passes when the program exits with 0, and is skipped when that says `skipped: why`. */
export function testProgram(what: string, script: string, args: readonly string[] = []): void {
  test(what, (t) => {
    const run = spawnSync(process.execPath, ["--disable-warning=ExperimentalWarning", script, ...args], {
      cwd: repositoryRoot,
      encoding: "utf8",
      timeout: LIMIT_MS,
      maxBuffer: 64 * 1024 * 1024,
    });
    const output = `${run.stdout}${run.stderr}`;
    const skipped = /^skipped: (.*)$/m.exec(output);
    if (skipped !== null) {
      t.skip(skipped[1]);
      return;
    }
    for (const line of output.trim().split("\n").slice(-30)) t.diagnostic(line);
    assert.equal(run.status, 0, `${script} failed:\n${output.slice(-20_000)}`);
  });
}
