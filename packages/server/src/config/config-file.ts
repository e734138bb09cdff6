import { readFileSync } from "node:fs";
import { memberUrlProblem } from "../cluster/member-url.ts";
import { ConfigError } from "./errors.ts";
import { gatesProblem } from "./feature-gates.ts";
import { decodeFile, type FileValue, type FoundValues } from "./file-values.ts";
import { FLAGS } from "./flag-table.ts";
import { type FlagValue, parseValue } from "./flag-values.ts";
import { OWN_SECTION } from "./own-flags.ts";
import { defaultValues, type ParsedFlags } from "./parse-flags.ts";

/** What the configuration file at `path` says, instead of all flags and variables. Throws `ConfigError`. */
export function readConfigFile(path: string): ParsedFlags {
  return parseConfigFile(readText(path));
}

/** The same of a file's text: YAML, or JSON, which is a part of it. */
export function parseConfigFile(text: string): ParsedFlags {
  const { found, unknownKeys } = decodeFile(text);
  const gates = found.get("feature-gates") ?? "";
  const problem = gatesProblem(gates as string);
  if (problem !== undefined) throw new ConfigError(problem);
  checkUrls(found);
  const values = defaultValues();
  for (const [name, value] of found) values.set(name, settingOf(name, value, values));
  if (values.get("initial-cluster-state") === "") values.set("initial-cluster-state", "new");
  if (values.get("self-signed-cert-validity") === 0) values.set("self-signed-cert-validity", 1);
  return {
    values,
    explicit: new Set(found.keys()),
    warnings: unknownKeys.map((key) => `unknown key ${JSON.stringify(key)} in the configuration file`),
    help: false,
    file: undefined,
    isFromFile: true,
  };
}

/** In etcd's order. */
const URL_KEYS = [
  "listen-peer-urls",
  "listen-client-urls",
  "listen-client-http-urls",
  "initial-advertise-peer-urls",
  "advertise-client-urls",
  "listen-metrics-urls",
];

function checkUrls(found: FoundValues): void {
  for (const name of URL_KEYS) {
    const text = (found.get(name) ?? "") as string;
    if (text === "") continue;
    const problem = text.split(",").map((url) => memberUrlProblem(url.trim()));
    const first = problem.find((each) => each !== undefined);
    if (first === undefined) continue;
    // The wrong name is etcd's.
    const told = name === "advertise-client-urls" ? "advertise-peer-urls" : name;
    throw new ConfigError(`unexpected error setting up ${told}: ${first}`);
  }
  const origins = (found.get("cors") ?? "") as string;
  const parsed = parseValue(FLAGS.get("cors")!, origins === "" ? "*" : origins);
  if ("problem" in parsed) throw new ConfigError(parsed.problem, 2);
}

/** A text means what it means on the command line; only an empty one leaves what is there by default, if that is a list. */
function settingOf(name: string, value: FileValue, defaults: ReadonlyMap<string, FlagValue>): FlagValue {
  const definition = FLAGS.get(name)!;
  if (typeof value !== "string") return value;
  const parsed = value === "" ? undefined : parseValue(definition, value);
  // etcd takes what it does not know for something else; a setting of ours says what it is.
  if (OWN_SECTION.flags.includes(definition) && parsed !== undefined && "problem" in parsed) {
    throw new ConfigError(`${name} in the configuration file: ${parsed.problem}: ${JSON.stringify(value)}`);
  }
  if (definition.kind === "string") return value;
  return parsed !== undefined && "value" in parsed ? parsed.value : defaults.get(name)!;
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code, syscall, message } = error as NodeJS.ErrnoException;
    const why = REASONS[code ?? ""];
    throw new ConfigError(why === undefined ? message : `${syscall} ${path}: ${why}`);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory",
  EACCES: "permission denied",
  EISDIR: "is a directory",
  ENOTDIR: "not a directory",
};
