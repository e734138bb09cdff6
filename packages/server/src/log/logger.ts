import { openSync, writeSync } from "node:fs";
import { pino } from "pino";

export type LogLevel = "debug" | "info" | "warn" | "error" | "panic" | "fatal";

/** Facts of one log line; values are JSON. Never put values of keys, passwords or tokens in. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Structured logs in etcd's layout: a fixed message to search for, facts in fields. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  fatal(message: string, fields?: LogFields): void;
  /** The same log, attributed to `caller` (folder/file of the code that speaks). */
  for(caller: string): Logger;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: "json" | "console";
  /** `default` and `stderr` are standard error; `stdout`; anything else is a file to append to. */
  readonly outputs: readonly string[];
}

const PINO_LEVELS: Record<string, string> = { dpanic: "fatal", panic: "fatal" };
const TAB_SEPARATED_ORDER = ["ts", "level", "caller", "msg"];

export function createLogger(options: LoggerOptions): Logger {
  const descriptors = [...new Set(options.outputs.map(openOutput))];
  const write = (line: string) => {
    for (const descriptor of descriptors) writeLine(descriptor, line);
  };
  const destination = { write: options.format === "json" ? write : (line: string) => write(toConsole(line)) };
  const root = pino(
    {
      level: PINO_LEVELS[options.level] ?? options.level,
      base: null,
      messageKey: "msg",
      timestamp: () => `,"ts":"${new Date().toISOString().slice(0, -1)}000Z"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  return wrap(root, "server");
}

/** For tests and embedding: says nothing. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  fatal() {},
  for: () => silentLogger,
};

function wrap(root: pino.Logger, caller: string): Logger {
  return {
    debug: (message, fields) => root.debug({ caller, ...fields }, message),
    info: (message, fields) => root.info({ caller, ...fields }, message),
    warn: (message, fields) => root.warn({ caller, ...fields }, message),
    error: (message, fields) => root.error({ caller, ...fields }, message),
    fatal: (message, fields) => root.fatal({ caller, ...fields }, message),
    for: (other) => wrap(root, other),
  };
}

function openOutput(output: string): number {
  if (output === "default" || output === "stderr") return 2;
  if (output === "stdout") return 1;
  return openSync(output, "a", 0o600);
}

function writeLine(descriptor: number, line: string): void {
  try {
    writeSync(descriptor, line);
  } catch {
    // A full pipe or a closed terminal must not stop a member: the line is lost, the data is not.
  }
}

function toConsole(line: string): string {
  const record = JSON.parse(line) as Record<string, unknown>;
  const head = TAB_SEPARATED_ORDER.map((key) => String(record[key] ?? ""));
  for (const key of TAB_SEPARATED_ORDER) delete record[key];
  return `${head.join("\t")}\t${JSON.stringify(record)}\n`;
}
