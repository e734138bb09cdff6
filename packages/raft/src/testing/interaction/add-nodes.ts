import { type Config, ReadOnlyOption } from "../../config.ts";
import { MemoryStorage } from "../../log/memory-storage.ts";
import { NO_LIMIT } from "../../size.ts";
import { emptyConfState, NO_DATA, type Snapshot } from "../../types.ts";
import { type Directive, scanBool, scanInt, scanUint } from "../datadriven.ts";
import { CommandError, EnvNode } from "./env-node.ts";
import type { Environment } from "./environment.ts";

type Options = { -readonly [K in keyof Config]?: Config[K] };

/** `add-nodes N key=value...`: N new members, all of one configuration, with the next free ids. */
export function addNodes(env: Environment, directive: Directive): void {
  const count = scanInt(directive, directive.args[0]?.key ?? "");
  const snapshot: Snapshot = { data: NO_DATA, metadata: { confState: emptyConfState(), index: 0, term: 0 } };
  const options: Options = {};
  let hasSnapshot = false;
  for (const { key, values } of directive.args.slice(1)) {
    for (const value of values) {
      if (setSnapshot(snapshot, options, directive, key, value)) hasSnapshot = true;
      else setOption(options, directive, key, value);
    }
  }
  if (hasSnapshot && snapshot.metadata.index <= 1) {
    throw new CommandError("index must be specified as > 1 due to bootstrap");
  }
  if (hasSnapshot) snapshot.metadata.term = 1;
  for (let i = 0; i < count; i++) {
    const storage = new MemoryStorage();
    if (hasSnapshot) storage.applySnapshot(snapshot);
    const config = {
      electionTick: 3,
      heartbeatTick: 1,
      maxSizePerMsg: NO_LIMIT,
      maxInflightMsgs: 2 ** 31 - 1,
      ...options,
      ...env.nodeDefaults,
      id: BigInt(env.nodes.length + 1),
      // Files set timeouts themselves where they matter.
      random: { below: () => 0 },
      logger: env.output,
    };
    env.nodes.push(new EnvNode(config, storage, snapshot));
  }
}

function setSnapshot(
  snapshot: Snapshot,
  options: Options,
  directive: Directive,
  key: string,
  value: string,
): boolean {
  switch (key) {
    case "voters":
      snapshot.metadata.confState.voters.push(scanUint(directive, value));
      return true;
    case "learners":
      snapshot.metadata.confState.learners.push(scanUint(directive, value));
      return true;
    case "index":
      snapshot.metadata.index = scanInt(directive, value);
      options.applied = snapshot.metadata.index;
      return true;
    case "content":
      snapshot.data = new TextEncoder().encode(value);
      return true;
    default:
      return false;
  }
}

const READ_ONLY_OPTIONS: ReadonlyMap<string, ReadOnlyOption> = new Map([
  ["safe", ReadOnlyOption.ReadOnlySafe],
  ["lease-based", ReadOnlyOption.ReadOnlyLeaseBased],
]);

function setOption(options: Options, directive: Directive, key: string, value: string): void {
  switch (key) {
    case "inflight":
      options.maxInflightMsgs = scanInt(directive, value);
      break;
    case "async-storage-writes":
      options.asyncStorageWrites = scanBool(directive, value);
      break;
    case "prevote":
      options.preVote = scanBool(directive, value);
      break;
    case "checkquorum":
      options.checkQuorum = scanBool(directive, value);
      break;
    case "max-committed-size-per-ready":
      options.maxCommittedSizePerReady = scanInt(directive, value);
      break;
    case "disable-conf-change-validation":
      options.disableConfChangeValidation = scanBool(directive, value);
      break;
    case "step-down-on-removal":
      options.stepDownOnRemoval = scanBool(directive, value);
      break;
    case "read-only": {
      const option = READ_ONLY_OPTIONS.get(value);
      if (option === undefined) throw new CommandError(`invalid read-only option ${JSON.stringify(value)}`);
      options.readOnlyOption = option;
      break;
    }
  }
}
