import assert from "node:assert/strict";
import { test } from "node:test";
import { type FeatureGate, parseFeatureGates } from "./feature-gates.ts";
import { parseFlags } from "./parse-flags.ts";
import { makeServerConfig } from "./server-config.ts";

const cases: { text: string; on?: FeatureGate[]; off?: FeatureGate[] }[] = [
  {
    text: "",
    on: ["FastLeaseKeepAlive", "TxnModeWriteWithSharedBuffer"],
    off: ["CompactHashCheck", "PriorityRequest"],
  },
  { text: " CompactHashCheck = T ,, InitialCorruptCheck=1", on: ["CompactHashCheck", "InitialCorruptCheck"] },
  { text: "FastLeaseKeepAlive=false", off: ["FastLeaseKeepAlive"] },
  { text: "PriorityRequest=true,PriorityRequest=false", off: ["PriorityRequest"] },
  {
    text: "AllAlpha=true,CompactHashCheck=false",
    on: ["PriorityRequest", "LeaseCheckpoint"],
    off: ["CompactHashCheck"],
  },
  { text: "AllBeta=false", off: ["FastLeaseKeepAlive"] },
];
for (const { text, on = [], off = [] } of cases) {
  test(`feature gates "${text}"`, () => {
    const gates = parseFeatureGates(text, []);
    for (const name of on) assert.equal(gates[name], true, name);
    for (const name of off) assert.equal(gates[name], false, name);
  });
}

const refused = [
  { text: "Nope=true", want: "unrecognized feature gate: Nope" },
  { text: "PriorityRequest", want: "missing bool value for PriorityRequest" },
  { text: "PriorityRequest=maybe", want: /^invalid value of PriorityRequest=maybe, err: / },
  { text: "toString=true", want: "unrecognized feature gate: toString" },
  {
    text: "LeaseCheckpointPersist=true",
    want: "enabling feature gate LeaseCheckpointPersist requires enabling feature gate LeaseCheckpoint",
  },
];
for (const { text, want } of refused) {
  test(`feature gates "${text}" are refused`, () => {
    assert.throws(() => parseFeatureGates(text, []), { name: "ConfigError", message: want });
  });
}

test("what has no effect is warned about, what is set by its stage is not", () => {
  const warnings: string[] = [];
  parseFeatureGates("StopGRPCServiceOnDefrag=true,TxnModeWriteWithSharedBuffer=true", warnings);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, /StopGRPCServiceOnDefrag/);
  const checkpoints: string[] = [];
  parseFeatureGates("LeaseCheckpoint=true", checkpoints);
  assert.equal(checkpoints.length, 1);
});

test("the periods of the corruption checks", () => {
  const configOf = (...args: string[]) => makeServerConfig(parseFlags(args, {}));
  assert.deepEqual([configOf().corruptCheckMs, configOf().compactHashCheckMs], [0, 60_000]);
  assert.equal(configOf("--corrupt-check-time", "90s").corruptCheckMs, 90_000);
  assert.throws(() => configOf("--compact-hash-check-time", "0s"), {
    message: "--compact-hash-check-time must be >0 (set to 0s)",
  });
});
