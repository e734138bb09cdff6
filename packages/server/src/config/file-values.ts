import { createRequire } from "node:module";
import type { Tags } from "yaml";
import { ConfigError } from "./errors.ts";
import type { FlagDefinition } from "./flag-definition.ts";
import { FLAGS } from "./flag-table.ts";
import { isInRange } from "./flag-values.ts";

/** A setting of a file: of the type that its flag has, durations in milliseconds, and texts as they are. */
export type FileValue = string | number | boolean | readonly string[];

/** The settings of a file, by the names of their flags. */
export type FoundValues = ReadonlyMap<string, FileValue>;

/** Throws `ConfigError` for what is no YAML, and for a value of a wrong type, in the words of etcd. */
export function decodeFile(text: string): { found: FoundValues; unknownKeys: readonly string[] } {
  const root = parseYaml(text);
  const found = new Map<string, FileValue>();
  const unknownKeys: string[] = [];
  if (root === null || root === undefined) return { found, unknownKeys };
  if (!isMapping(root)) {
    throw new ConfigError(
      `${DECODING}cannot unmarshal ${typeName(root)} into Go value of type embed.configYAML`,
    );
  }
  collect(root, [], found, unknownKeys);
  return { found, unknownKeys };
}

const DECODING = "error unmarshaling JSON: while decoding JSON: json: ";

/** As Go's package reads it: YAML 1.1, a key's last mention counts, and no dates. */
function parseYaml(text: string): unknown {
  // Not imported: a start without a file would load it, too, from the bundle, and that takes 10 ms.
  const { parseDocument } = createRequire(import.meta.url)("yaml") as typeof import("yaml");
  const document = parseDocument(text, {
    version: "1.1",
    uniqueKeys: false,
    intAsBigInt: true,
    merge: true,
    customTags: (tags: Tags) =>
      tags.filter((tag) => typeof tag === "string" || tag.tag !== "tag:yaml.org,2002:timestamp"),
  });
  const [error] = document.errors;
  try {
    if (error === undefined) return document.toJS();
    throw error;
  } catch (thrown) {
    const [line] = (thrown as Error).message.split("\n");
    throw new ConfigError(`error converting YAML to JSON: yaml: ${line}`);
  }
}

/** What holds a section, and what its type is called there. */
interface Section {
  readonly holder: string;
  readonly type: string;
}

const SECURITY: Section = { holder: "securityConfig", type: "embed.securityConfig" };
const SECTIONS: Readonly<Record<string, Section>> = {
  "client-transport-security": SECURITY,
  "peer-transport-security": SECURITY,
  "socket-options": { holder: "SocketOpts", type: "transport.SocketOpts" },
  "discovery-config": { holder: "DiscoveryConfig", type: "v3discovery.DiscoveryConfig" },
  "discovery-config.client": { holder: "ConfigSpec", type: "clientv3.ConfigSpec" },
  "discovery-config.client.secure": { holder: "SecureConfig", type: "clientv3.SecureConfig" },
  "discovery-config.client.auth": { holder: "AuthConfig", type: "clientv3.AuthConfig" },
};

/** Keys that etcd reads into a structure apart from the others. */
const READ_APART = new Set([
  "listen-peer-urls",
  "listen-client-urls",
  "listen-client-http-urls",
  "initial-advertise-peer-urls",
  "advertise-client-urls",
  "cors",
  "host-whitelist",
  "client-transport-security",
  "peer-transport-security",
  "feature-gates",
]);

const FLAG_AT: ReadonlyMap<string, FlagDefinition> = new Map(
  [...FLAGS.values()].flatMap((definition) =>
    definition.fileKey === undefined ? [] : [[definition.fileKey.join("."), definition] as const],
  ),
);

/** Of several values of a wrong type the one whose key comes first is told, as in etcd. */
function collect(
  mapping: object,
  path: readonly string[],
  found: Map<string, FileValue>,
  unknownKeys: string[],
): void {
  for (const [key, value] of Object.entries(mapping).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const place = [...path, key.toLowerCase()];
    const definition = FLAG_AT.get(place.join("."));
    const section = SECTIONS[place.join(".")];
    if (definition === undefined && section === undefined) unknownKeys.push([...path, key].join("."));
    else if (value === null) continue;
    else if (definition !== undefined) found.set(definition.name, decode(definition, value, place));
    else if (isMapping(value)) collect(value, place, found, unknownKeys);
    else throw wrongType(typeName(value), place, section!.type);
  }
}

function decode(definition: FlagDefinition, value: unknown, place: readonly string[]): FileValue {
  const { name, kind } = definition;
  const fail = (found: string, type: string) => wrongType(found, place, type);
  switch (kind) {
    case "bool":
      if (typeof value !== "boolean") throw fail(typeName(value), "bool");
      return value;
    case "int":
    case "int64":
    case "uint":
    case "uint32":
    case "uint64":
      return decodeNumber(kind, value, (found) => fail(found, kind));
    case "duration":
      return decodeNumber("int64", value, (found) => fail(found, "time.Duration")) / 1e6;
    case "list":
    case "set":
      if (!TEXTS.has(name)) return decodeList(value, fail);
  }
  if (typeof value !== "string") {
    throw fail(typeName(value), name === "v2-deprecation" ? "config.V2DeprecationEnum" : "string");
  }
  return value;
}

/** Lists that a file has as one text. */
const TEXTS = new Set(["host-whitelist", "v2-deprecation"]);

function decodeNumber(
  kind: Parameters<typeof isInRange>[0],
  value: unknown,
  fail: (found: string) => ConfigError,
): number {
  if (typeof value !== "bigint" && typeof value !== "number") throw fail(typeName(value));
  if (typeof value === "number" && !Number.isInteger(value)) throw fail(`number ${value}`);
  if (!isInRange(kind, BigInt(value))) throw fail(`number ${value}`);
  return Number(value);
}

function decodeList(value: unknown, fail: (found: string, type: string) => ConfigError): readonly string[] {
  if (!Array.isArray(value)) throw fail(typeName(value), "[]string");
  const wrong = value.find((item) => typeof item !== "string");
  if (wrong !== undefined) throw fail(typeName(wrong), "string");
  return value as readonly string[];
}

function wrongType(found: string, place: readonly string[], type: string): ConfigError {
  const holder = SECTIONS[place.slice(0, -1).join(".")]?.holder ?? "configYAML";
  const part = READ_APART.has(place[0]!) ? "configJSON" : "Config";
  return new ConfigError(
    `${DECODING}cannot unmarshal ${found} into Go struct field ${holder}.${part}.${place.join(".")} of type ${type}`,
  );
}

/** What JSON calls it. */
function typeName(value: unknown): string {
  if (Array.isArray(value)) return "array";
  if (typeof value === "bigint") return "number";
  return typeof value === "boolean" ? "bool" : typeof value;
}

function isMapping(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
