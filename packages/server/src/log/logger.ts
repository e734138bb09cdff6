import { pino } from "pino";
import type { LogOutput } from "./log-output.ts";
import { openOutputs } from "./outputs.ts";
import type { LogRotation } from "./rotated-file.ts";
import { Sampling } from "./sampling.ts";

export type { LogRotation } from "./rotated-file.ts";

export type LogLevel = "debug" | "info" | "warn" | "error" | "dpanic" | "panic" | "fatal";

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

/** From which level on lines are written; may be set at any time, for all loggers of a log. */
export interface LevelSetting {
  level: LogLevel;
}

/** A log as its owner sees it. */
export interface OwnedLogger extends Logger, LevelSetting {
  /** Call before the process ends: what was written has left it when this returns. Never throws. */
  flush(): void;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: "json" | "console";
  /** `default` and `stderr` are standard error; `stdout`; `systemd/journal`; anything else is a file to append to. */
  readonly outputs: readonly string[];
  /** Of the file among them. */
  readonly rotation?: LogRotation | undefined;
}

export const LOG_LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error", "dpanic", "panic", "fatal"];

const PINO_LEVELS: Record<string, string> = { dpanic: "fatal", panic: "fatal" };
const TAB_SEPARATED_ORDER = ["ts", "level", "caller", "msg"];

/** Throws when an output cannot be opened. */
export function createLogger(options: LoggerOptions): OwnedLogger {
  const outputs = openOutputs(options.outputs, options.rotation);
  let { level } = options;
  const root = pino(
    {
      level: PINO_LEVELS[level] ?? level,
      base: null,
      messageKey: "msg",
      timestamp: () => `,"ts":"${new Date().toISOString().slice(0, -1)}000Z"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    {
      write:
        options.format === "json"
          ? (line) => writeTo(outputs, line)
          : (line) => writeTo(outputs, toConsole(line)),
    },
  );
  return {
    ...wrap(root, new Sampling(() => performance.now()), "server"),
    get level() {
      return level;
    },
    set level(wanted) {
      level = wanted;
      root.level = PINO_LEVELS[wanted] ?? wanted;
    },
    flush() {
      for (const output of outputs) output.flush();
    },
  };
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

function wrap(root: pino.Logger, sampling: Sampling, caller: string): Logger {
  const write = (level: "debug" | "info" | "warn" | "error", message: string, fields?: LogFields): void => {
    if (root.isLevelEnabled(level) && sampling.admits(level + message))
      root[level]({ caller, ...fields }, message);
  };
  return {
    debug: (message, fields) => write("debug", message, fields),
    info: (message, fields) => write("info", message, fields),
    warn: (message, fields) => write("warn", message, fields),
    error: (message, fields) => write("error", message, fields),
    // Nothing comes after it.
    fatal: (message, fields) => root.fatal({ caller, ...fields }, message),
    for: (other) => wrap(root, sampling, other),
  };
}

function writeTo(outputs: readonly LogOutput[], line: string): void {
  for (const output of outputs) output.write(line);
}

function toConsole(line: string): string {
  const record = JSON.parse(line) as Record<string, unknown>;
  const head = TAB_SEPARATED_ORDER.map((key) => String(record[key] ?? ""));
  for (const key of TAB_SEPARATED_ORDER) delete record[key];
  return `${head.join("\t")}\t${JSON.stringify(record)}\n`;
}
