import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import test from "node:test";
import { pathToFileURL } from "node:url";

/** Prints the name and niceness of each thread (field 19 of its stat; the name is in brackets and may hold spaces). */
const PROGRAM = `
import { readdirSync, readFileSync } from "node:fs";
import { lowerHelperThreads } from ${JSON.stringify(pathToFileURL(`${import.meta.dirname}/../src/helper-threads.ts`).href)};
lowerHelperThreads();
const threads = readdirSync("/proc/self/task").map((id) => {
  const stat = readFileSync("/proc/self/task/" + id + "/stat", "utf8");
  const end = stat.lastIndexOf(")");
  return { main: Number(id) === process.pid, name: stat.slice(stat.indexOf("(") + 1, end), nice: Number(stat.slice(end + 2).split(" ")[16]) };
});
process.stdout.write(JSON.stringify(threads));
`;

test("the engine's helper threads give way, the loop and the threads that write do not", {
  skip: process.platform === "linux" ? false : "threads have a niceness of their own on Linux only",
}, () => {
  const { stdout, stderr, status } = spawnSync(process.execPath, ["--input-type=module", "-e", PROGRAM], {
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
  const threads: { main: boolean; name: string; nice: number }[] = JSON.parse(stdout);
  const own = threads.find(({ main }) => main)!.nice;
  const helpers = threads.filter(({ name }) => name.startsWith("node-V8Worker"));
  assert.ok(helpers.length > 0);
  for (const thread of threads) {
    assert.equal(thread.nice, helpers.includes(thread) ? Math.min(own + 3, 19) : own, thread.name);
  }
});
