import { parseArgs } from "node:util";

export const DEFAULT_SIZE = 3;
export const DEFAULT_FIRST_PORT = 23790;
export const MAX_SIZE = 9;
const HIGHEST_FIRST_PORT = 65_000;

/** What a person got wrong; the message is one line for them. */
export class DevError extends Error {}

export interface DevOptions {
  readonly help: boolean;
  /** Undefined: as the data directory says, or else the default. */
  readonly size: number | undefined;
  /** Undefined: a temporary one, removed at the end. */
  readonly dataDir: string | undefined;
  /** The first member's client port; 0 for free ones. Undefined: as the data directory says, or else the default. */
  readonly firstPort: number | undefined;
  /** A server that takes etcd's flags, with its leading arguments. Undefined: this program's own. */
  readonly command: readonly string[] | undefined;
  /** Flags for every member. */
  readonly memberFlags: readonly string[];
}

/** Throws `DevError`. */
export function parseDevOptions(args: readonly string[]): DevOptions {
  // What follows "--" is the members' and is not looked at here.
  const end = args.indexOf("--");
  const own = end < 0 ? args : args.slice(0, end);
  const { values } = parse(own);
  return {
    help: values.help,
    size: wholeNumber("--size", values.size, 1, MAX_SIZE),
    dataDir: values["data-dir"],
    firstPort: wholeNumber("--port", values.port, 0, HIGHEST_FIRST_PORT),
    command: values.command === undefined ? undefined : words(values.command),
    memberFlags: end < 0 ? [] : args.slice(end + 1),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        size: { type: "string" },
        "data-dir": { type: "string" },
        port: { type: "string" },
        command: { type: "string" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (error) {
    throw new DevError((error as Error).message.split("\n")[0]);
  }
}

function wholeNumber(
  flag: string,
  text: string | undefined,
  least: number,
  most: number,
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most) {
    throw new DevError(`${flag} takes a number from ${least} to ${most}, not "${text}"`);
  }
  return value;
}

function words(command: string): readonly string[] {
  const split = command.split(" ").filter((word) => word !== "");
  if (split.length === 0) throw new DevError("--command is empty");
  return split;
}

export const DEV_HELP = `Usage:

  quorate dev [flags] [-- FLAGS OF EVERY MEMBER]
    Start a cluster on this machine: one process a member, all logs here, each line with its member's name.
    Ctrl-C or SIGTERM stops all members; a second one kills them. A member that ends is reported, never restarted.

Flags:
  --size N            How many members, 1 to ${MAX_SIZE} (default ${DEFAULT_SIZE}).
  --data-dir PATH     Keep the data there, one folder a member; the same command goes on with it
                      (default: a temporary directory, removed at the end).
  --port N            The first member's client port; its peer port is the next one, and each further member's are
                      ten higher (default ${DEFAULT_FIRST_PORT}: clients at ${DEFAULT_FIRST_PORT}, ${DEFAULT_FIRST_PORT + 10}, ${DEFAULT_FIRST_PORT + 20}). 0 takes free ports.
  --command COMMAND   Another server that takes etcd's flags, "/usr/bin/etcd" for instance.
  --help              Print this text.

Everything listens on 127.0.0.1. Colours are for terminals only, and never when NO_COLOR is set.

Examples:
  quorate dev
  quorate dev --size 1 --data-dir my.cluster
  quorate dev -- --log-level warn --snapshot-count 1000
`;
