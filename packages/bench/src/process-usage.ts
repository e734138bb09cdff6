/** CPU time and memory of a process of this machine, from /proc. */
import { readFileSync } from "node:fs";

const TICKS_PER_SECOND = 100; // USER_HZ is 100 on every Linux of interest

/** utime + stime in microseconds, all threads. */
export function cpuUs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1_000_000) / TICKS_PER_SECOND;
}

/** The same of several processes together. */
export function totalCpuUs(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuUs(pid), 0);
}

export interface Memory {
  readonly residentMiB: number;
  readonly anonymousMiB: number;
}

export function memory(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  const kib = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? Number.NaN);
  return { residentMiB: kib("VmRSS") / 1024, anonymousMiB: kib("RssAnon") / 1024 };
}
