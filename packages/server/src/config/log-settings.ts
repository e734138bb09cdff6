import { LOG_LEVELS, type LogLevel, type LogRotation } from "../log/logger.ts";
import { ConfigError } from "./errors.ts";
import type { FlagReader } from "./flag-reader.ts";

export interface LogSettings {
  readonly logLevel: LogLevel;
  readonly logFormat: "json" | "console";
  /** `default`, `stderr`, `stdout`, `systemd/journal`, or paths of files. */
  readonly logOutputs: readonly string[];
  /** Of the one file among them; undefined when it is not rotated. */
  readonly logRotation: LogRotation | undefined;
}

/** Where logs go, and how much. Throws `ConfigError`, of several mistakes for the one that etcd finds first. */
export function logSettings(read: FlagReader): LogSettings {
  const logger = read.string("logger");
  if (logger === "capnslog") throw new ConfigError("--logger=capnslog is removed in v3.5");
  if (logger !== "zap") throw new ConfigError(`unknown logger option ${JSON.stringify(logger)}`);
  const outputs = read.list("log-outputs");
  const logOutputs = outputs.length === 0 ? ["default"] : outputs;
  if (logOutputs.includes("default") && logOutputs.length > 1) {
    throw new ConfigError('multi logoutput for "default" is not supported yet');
  }
  const logRotation = read.boolean("enable-log-rotation")
    ? rotation(logOutputs, read.string("log-rotation-config-json"))
    : undefined;
  if (logOutputs.includes("systemd/journal") && logOutputs.length > 1) {
    throw new ConfigError(
      `running with systemd/journal but other '--log-outputs' values (${quoted(logOutputs)}) are configured with ` +
        "'default'; override 'default' value with something else",
    );
  }
  const level = read.string("log-level");
  if (!LOG_LEVELS.includes(level as LogLevel))
    throw new ConfigError(`unrecognized level: ${JSON.stringify(level)}`, 2);
  const logFormat = read.string("log-format");
  if (logFormat !== "json" && logFormat !== "console") {
    throw new ConfigError(`unknown log format: ${logFormat}, supported values json, console`);
  }
  return { logLevel: level as LogLevel, logFormat, logOutputs, logRotation };
}

/** As Go prints a list of quoted strings. */
function quoted(texts: readonly string[]): string {
  return `[${texts.map((text) => JSON.stringify(text)).join(" ")}]`;
}

const NOT_FILES = ["default", "stderr", "stdout"];
const MIB = 2 ** 20;
const DAY_MS = 86_400_000;
const DEFAULT_MAX_SIZE_MB = 100;

function rotation(outputs: readonly string[], json: string): LogRotation {
  const files = outputs.filter((output) => !NOT_FILES.includes(output));
  if (files.length > 1 || (files.length === 0 && outputs.length === 1)) {
    throw new ConfigError(
      "--log-outputs requires a single file path when --log-rotate-config-json is defined",
    );
  }
  const found = parseRotation(json);
  const number = (name: string) => (found.get(name) ?? 0) as number;
  return {
    maxSizeBytes: (number("maxsize") || DEFAULT_MAX_SIZE_MB) * MIB,
    maxAgeMs: number("maxage") * DAY_MS,
    maxBackups: number("maxbackups"),
    localTime: found.get("localtime") === true,
    compress: found.get("compress") === true,
  };
}

const ROTATION_TYPES: Readonly<Record<string, "int" | "bool">> = {
  maxsize: "int",
  maxage: "int",
  maxbackups: "int",
  localtime: "bool",
  compress: "bool",
};

/** The known keys of the JSON, by their names in lower case. */
function parseRotation(json: string): Map<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch (error) {
    throw new ConfigError(`improperly formatted log rotation config: ${syntaxProblem(json, error as Error)}`);
  }
  const found = new Map<string, unknown>();
  if (parsed === null) return found;
  if (typeof parsed !== "object" || Array.isArray(parsed)) {
    throw wrongType(parsed, "value of type embed.logRotationConfig");
  }
  for (const [key, value] of Object.entries(parsed)) {
    const name = key.toLowerCase();
    const type = ROTATION_TYPES[name];
    if (type === undefined || value === null) continue;
    const fits = type === "int" ? Number.isSafeInteger(value) : typeof value === "boolean";
    if (!fits) throw wrongType(value, `struct field logRotationConfig.Logger.${name} of type ${type}`);
    found.set(name, value);
  }
  return found;
}

function wrongType(value: unknown, where: string): ConfigError {
  const isNumber = typeof value === "number" && where.endsWith(" int");
  const type = Array.isArray(value) ? "array" : typeof value === "boolean" ? "bool" : typeof value;
  return new ConfigError(
    `invalid log rotation config: json: cannot unmarshal ${type}${isNumber ? ` ${value}` : ""} into Go ${where}`,
  );
}

/** Go's words for the one mistake that is common: a text that ends too early. */
function syntaxProblem(json: string, { message }: Error): string {
  return /end of JSON input|Expected property name or '\}'/.test(message) && isCutShort(json)
    ? "unexpected end of JSON input"
    : message;
}

function isCutShort(json: string): boolean {
  return !json.trimEnd().endsWith("}");
}
