import { ConfigError } from "./errors.ts";
import { parseGoBool } from "./go-bool.ts";

type Stage = "ALPHA" | "BETA";

interface Gate {
  readonly stage: Stage;
  readonly byDefault: boolean;
  /** False: known and accepted, but this release behaves as by default. */
  readonly supported: boolean;
}

const gate = (stage: Stage, supported = true): Gate => ({ stage, byDefault: stage === "BETA", supported });

/** The feature gates of etcd 3.7. What is beta is on by default. */
const GATES = {
  CompactHashCheck: gate("ALPHA"),
  FastLeaseKeepAlive: gate("BETA"),
  InitialCorruptCheck: gate("ALPHA"),
  LeaseCheckpoint: gate("ALPHA"),
  LeaseCheckpointPersist: gate("ALPHA"),
  PriorityRequest: gate("ALPHA"),
  SetMemberLocalAddr: gate("ALPHA"),
  StopGRPCServiceOnDefrag: gate("ALPHA", false),
  TxnModeWriteWithSharedBuffer: gate("BETA", false),
} as const satisfies Record<string, Gate>;

export type FeatureGate = keyof typeof GATES;
export type FeatureGates = Readonly<Record<FeatureGate, boolean>>;

const NAMES = Object.keys(GATES) as FeatureGate[];

/** How far each of them is. */
export const GATE_STAGES = Object.fromEntries(NAMES.map((name) => [name, GATES[name].stage])) as Readonly<
  Record<FeatureGate, Stage>
>;

/** Parses the text of `--feature-gates`. Throws `ConfigError`; adds a line to `warnings` for what has no effect. */
export function parseFeatureGates(text: string, warnings: string[]): FeatureGates {
  const named = new Map<FeatureGate, boolean>();
  const stages = new Map<Stage, boolean>();
  for (const item of itemsOf(text)) {
    const [name, value] = splitGate(item);
    if (name === "AllAlpha") stages.set("ALPHA", value);
    else if (name === "AllBeta") stages.set("BETA", value);
    else if (isGate(name)) named.set(name, value);
    else throw unrecognized(name);
  }
  const gates = {} as Record<FeatureGate, boolean>;
  for (const name of NAMES) {
    const { stage, byDefault, supported } = GATES[name];
    gates[name] = named.get(name) ?? stages.get(stage) ?? byDefault;
    if (named.has(name) && !supported && gates[name] !== byDefault) {
      warnings.push(`feature gate ${name} is accepted for compatibility and has no effect`);
    }
  }
  if (gates.LeaseCheckpointPersist && !gates.LeaseCheckpoint) {
    throw new ConfigError(
      "enabling feature gate LeaseCheckpointPersist requires enabling feature gate LeaseCheckpoint",
    );
  }
  if (gates.LeaseCheckpoint && !gates.LeaseCheckpointPersist) {
    warnings.push(
      "feature gate LeaseCheckpoint without LeaseCheckpointPersist: checkpoints are not kept over a restart " +
        "before cluster version 3.6",
    );
  }
  return Object.freeze(gates);
}

/** What a text that is right sets, name by name, as etcd tells it. */
export function describeGates(text: string): string {
  const set = new Map<string, boolean>();
  for (const [name, value] of itemsOf(text).map(splitGate)) {
    set.set(name, value);
    const stage = name === "AllAlpha" ? "ALPHA" : name === "AllBeta" ? "BETA" : undefined;
    for (const each of NAMES) if (GATES[each].stage === stage && !set.has(each)) set.set(each, value);
  }
  return [...set]
    .map(([name, value]) => `${name}=${value}`)
    .sort()
    .join(",");
}

/** Why a text of `--feature-gates` cannot be understood; undefined when it can. */
export function gatesProblem(text: string): string | undefined {
  try {
    const names = itemsOf(text).map((item) => splitGate(item)[0]);
    const unknown = names.find((name) => name !== "AllAlpha" && name !== "AllBeta" && !isGate(name));
    if (unknown !== undefined) throw unrecognized(unknown);
    return undefined;
  } catch (error) {
    return (error as ConfigError).message;
  }
}

function itemsOf(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

function unrecognized(name: string): ConfigError {
  return new ConfigError(`unrecognized feature gate: ${name}`);
}

function splitGate(item: string): [name: string, value: boolean] {
  const equals = item.indexOf("=");
  const name = (equals < 0 ? item : item.slice(0, equals)).trim();
  if (equals < 0) throw new ConfigError(`missing bool value for ${name}`);
  const text = item.slice(equals + 1).trim();
  const value = parseGoBool(text);
  if (value === undefined) {
    throw new ConfigError(
      `invalid value of ${name}=${text}, err: strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  }
  return [name, value];
}

function isGate(name: string): name is FeatureGate {
  return Object.hasOwn(GATES, name);
}
