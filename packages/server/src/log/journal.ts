import { openUnixDatagrams } from "../system/unix-datagrams.ts";
import type { LogOutput } from "./log-output.ts";

const SOCKET = "/run/systemd/journal/socket";

/** The journal's priorities, of syslog. */
const PRIORITIES: Readonly<Record<string, number>> = {
  debug: 7,
  info: 6,
  warn: 4,
  error: 3,
  dpanic: 2,
  panic: 2,
  fatal: 2,
};
const DEFAULT_PRIORITY = 6;

/** The system's journal at `socketPath`: a line is an entry of its level's priority. Throws when there is none. */
export function openJournal(socketPath: string = SOCKET): LogOutput {
  const datagrams = connect(socketPath);
  return {
    write(line) {
      // One that is full or gone must not stop a member: the line is lost, the data is not.
      datagrams.send(entryOf(line));
    },
    flush() {},
  };
}

function connect(socketPath: string) {
  try {
    const datagrams = openUnixDatagrams(socketPath);
    // A datagram without content is no entry; that it arrives says that somebody is there.
    const problem = datagrams.send(new Uint8Array());
    if (problem !== undefined) throw new Error(REASONS[problem] ?? `error ${problem}`);
    return datagrams;
  } catch (error) {
    throw new Error(`can't find journal (dial unixgram ${socketPath}: connect: ${(error as Error).message})`);
  }
}

const REASONS: Readonly<Record<number, string>> = {
  2: "no such file or directory",
  13: "permission denied",
  111: "connection refused",
};

/** In the journal's own protocol: a value with line breaks is preceded by its length, others are lines. */
function entryOf(line: string): Buffer {
  const message = line.trimEnd();
  const level = /^\{"level":"([a-z]+)"/.exec(message)?.[1] ?? message.split("\t")[1] ?? "";
  const caller = /"caller":"([^"/]*)/.exec(message)?.[1] ?? "";
  return Buffer.from(
    `PRIORITY=${PRIORITIES[level] ?? DEFAULT_PRIORITY}\nPACKAGE=${caller}\nSYSLOG_IDENTIFIER=etcd\n` +
      `MESSAGE=${message.replaceAll("\n", " ")}\n`,
  );
}
