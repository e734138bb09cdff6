import { newMessage } from "../../message.ts";
import { statusToJson } from "../../status.ts";
import { EntryType, type Message, MessageType } from "../../types.ts";
import { type Directive, scanInt, scanUint } from "../datadriven.ts";
import { type Command, node } from "./command.ts";
import { type Environment, isLocal } from "./environment.ts";

/**
 * Commands that etcd's files do not have. They reach what those leave out: reads, size limits, restarts, lost and
 * repeated messages. The files in testdata/ use them.
 */
export const EXTRA_COMMANDS: ReadonlyMap<string, Command> = new Map<string, Command>([
  // limits msg=N inflight-bytes=N uncommitted=N committed=N no-forwarding=0|1: for nodes added from now on; 0: none
  ["limits", limits],
  ["read-index", (env, d) => node(env, d, 0).rawNode.readIndex(bytesOf(d.args[1]!.key))],
  [
    "report-snapshot",
    (env, d) =>
      node(env, d, 0).rawNode.reportSnapshot(
        node(env, d, 1).id,
        d.args[2]!.key === "failed" ? "failed" : "finished",
      ),
  ],
  ["tick", (env, d) => node(env, d, 0).rawNode.tick()],
  ["propose-batch", proposeBatch],
  // All messages between members arrive twice.
  [
    "duplicate-msgs",
    (env) => {
      env.messages.push(...env.messages.filter((m) => !isLocal(m)));
    },
  ],
  // Messages between members arrive in reverse order; between a member and its threads order never changes.
  [
    "reverse-msgs",
    (env) => {
      const remote = env.messages.filter((m) => !isLocal(m)).reverse();
      env.messages = [...env.messages.filter(isLocal), ...remote];
    },
  ],
  ["restart", restart],
  [
    "bootstrap",
    (env, d) => {
      const peers = d.args.slice(1).map(({ key }) => ({ id: scanUint(d, key), context: bytesOf("c") }));
      node(env, d, 0).rawNode.bootstrap(peers);
    },
  ],
  ["status-json", (env, d) => env.output.write(`${statusToJson(node(env, d, 0).rawNode.status())}\n`)],
]);

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function limits(env: Environment, directive: Directive): void {
  for (const { key, values } of directive.args) {
    const value = scanInt(directive, values[0] ?? "");
    if (key === "no-forwarding") env.nodeDefaults.disableProposalForwarding = value === 1;
    if (value === 0) continue;
    if (key === "msg") env.nodeDefaults.maxSizePerMsg = value;
    if (key === "inflight-bytes") env.nodeDefaults.maxInflightBytes = value;
    if (key === "uncommitted") env.nodeDefaults.maxUncommittedEntriesSize = value;
    if (key === "committed") env.nodeDefaults.maxCommittedSizePerReady = value;
  }
}

function proposeBatch(env: Environment, directive: Directive): void {
  const target = node(env, directive, 0);
  const m: Message = newMessage(MessageType.MsgProp, 0n);
  m.from = target.id;
  m.entries = directive.args
    .slice(1)
    .map(({ key }) => ({ type: EntryType.EntryNormal, term: 0, index: 0, data: bytesOf(key) }));
  target.rawNode.step(m);
}

/** What was not written yet, and what the member and its threads had to say to each other, is gone. */
function restart(env: Environment, directive: Directive): void {
  const target = node(env, directive, 0);
  env.messages = env.messages.filter((m) => !(m.to === target.id && isLocal(m)));
  target.restart();
}
