import { readdirSync, readFileSync, statSync } from "node:fs";

/** What the system tells of this process in `/proc`; a number that it does not tell is undefined. */
export function readProc(): {
  readonly openFiles: number | undefined;
  readonly openFilesLimit: number | undefined;
  readonly addressSpaceLimitBytes: number | undefined;
  readonly threads: number | undefined;
  readonly receivedBytes: number | undefined;
  readonly transmittedBytes: number | undefined;
} {
  const limits = read("/proc/self/limits");
  const octets = ipOctets(read("/proc/self/net/netstat"));
  return {
    openFiles: openFiles(),
    openFilesLimit: limitOf(limits, "Max open files"),
    addressSpaceLimitBytes: limitOf(limits, "Max address space"),
    threads: numberIn(/^Threads:\s+(\d+)$/m.exec(read("/proc/self/status"))),
    receivedBytes: octets.get("InOctets"),
    transmittedBytes: octets.get("OutOctets"),
  };
}

function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

function openFiles(): number | undefined {
  try {
    // Linux 6.2 and later tell their number so, without a name for each of thousands.
    const { size } = statSync("/proc/self/fd");
    // One of those that are listed is the directory itself.
    return size > 0 ? size : readdirSync("/proc/self/fd").length - 1;
  } catch {
    return undefined;
  }
}

/** No limit is the largest number, as in Go. */
const UNLIMITED = 2 ** 64;

function limitOf(limits: string, name: string): number | undefined {
  const soft = new RegExp(`^${name}\\s+(\\S+)`, "m").exec(limits)?.[1];
  return soft === "unlimited" ? UNLIMITED : soft === undefined ? undefined : Number(soft);
}

function numberIn(match: RegExpExecArray | null): number | undefined {
  return match === null ? undefined : Number(match[1]);
}

/** A line of names follows a line of numbers; of all addresses that the process can see. */
function ipOctets(netstat: string): ReadonlyMap<string, number> {
  const [names = [], numbers = []] = netstat
    .split("\n")
    .filter((line) => line.startsWith("IpExt:"))
    .map((line) => line.split(" "));
  return new Map(names.map((name, i) => [name, Number(numbers[i])]));
}
