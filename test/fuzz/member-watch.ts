/**
 * Loaded into the member's process before it starts: tells how long the longest turn of its event loop was and what the
 * process still holds. A line of JSON to whoever says `look` or `collect` on the socket named by QUORATE_FUZZ_SOCKET.
 *
 * A turn is measured by the CPU time of the thread: a process that other processes keep from running has done nothing.
 */
import net from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { isMainThread } from "node:worker_threads";

export interface MemberWatch {
  /** The longest turn since the last look, in milliseconds of the thread's CPU time. */
  readonly longestTurnMs: number;
  /** In octets, `collect`: without what nobody holds: objects, and what they own outside of the heap. */
  readonly heapBytes: number;
  readonly externalBytes: number;
  /** What the event loop holds, by kind, without what belongs to this watch. */
  readonly resources: Readonly<Record<string, number>>;
}

const LOOK_EVERY_MS = 4;
const path = process.env.QUORATE_FUZZ_SOCKET;

// The launcher's other processes get the same environment.
if (isMainThread && path !== undefined && process.argv.includes("--data-dir")) watch(path);

function watch(socketPath: string): void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  let longestTurnMs = 0;
  let lastMs = performance.now();
  let lastCpu = process.threadCpuUsage();
  const look = (): void => {
    const nowMs = performance.now();
    const cpu = process.threadCpuUsage();
    const cpuMs = (cpu.user - lastCpu.user + cpu.system - lastCpu.system) / 1000;
    // What happened within the interval that was planned is no delay; the rest is, as far as the thread was running.
    longestTurnMs = Math.max(longestTurnMs, Math.min(nowMs - lastMs - LOOK_EVERY_MS, cpuMs));
    lastMs = nowMs;
    lastCpu = cpu;
  };
  setInterval(look, LOOK_EVERY_MS).unref();
  const answer = (isCollecting: boolean): MemberWatch => {
    look();
    const turnMs = longestTurnMs;
    if (isCollecting) {
      collect();
      collect();
    }
    const { heapUsed, external } = process.memoryUsage();
    const resources: Record<string, number> = {};
    for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
    // This work is ours.
    longestTurnMs = 0;
    lastMs = performance.now();
    lastCpu = process.threadCpuUsage();
    return { longestTurnMs: turnMs, heapBytes: heapUsed, externalBytes: external, resources };
  };
  const server = net.createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", (asked: Buffer) => {
      socket.end(`${JSON.stringify(answer(asked.toString() === "collect"))}\n`);
    });
  });
  server.listen(socketPath).unref();
}
