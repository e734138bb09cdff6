import { RaftError } from "../../errors.ts";
import { confChangesFromString, describeMessage } from "../../format/describe.ts";
import { messageTypeOf, stateName } from "../../format/names.ts";
import { newMessage } from "../../message.ts";
import { describeProgressMap } from "../../tracker/progress.ts";
import { ConfChangeTransition, type ConfChangeV2, MessageType } from "../../types.ts";
import {
  DataDrivenError,
  type Directive,
  type DirectiveHandler,
  parseBool,
  scanInt,
  scanUint,
  valuesOf,
} from "../datadriven.ts";
import { addNodes } from "./add-nodes.ts";
import { type Command, node, nodeAt } from "./command.ts";
import { CommandError, type EnvNode } from "./env-node.ts";
import { Environment, type Recipient } from "./environment.ts";
import { EXTRA_COMMANDS } from "./extra-commands.ts";

/** A handler for the commands of one interaction file. */
export function interactionHandler(env = new Environment()): DirectiveHandler {
  return (directive) => {
    env.output.take();
    try {
      run(env, directive);
    } catch (error) {
      if (!(error instanceof CommandError || error instanceof RaftError)) throw error;
      // Even a silenced file shows errors.
      if (env.output.quiet) return error.message;
      env.output.write(error.message);
    }
    return env.output.take() || "ok";
  };
}

function run(env: Environment, directive: Directive): void {
  const command = COMMANDS.get(directive.command) ?? EXTRA_COMMANDS.get(directive.command);
  if (command === undefined) throw new CommandError("unknown command");
  command(env, directive);
}

const COMMANDS: ReadonlyMap<string, Command> = new Map<string, Command>([
  ["_breakpoint", () => {}],
  ["add-nodes", addNodes],
  ["campaign", (env, d) => node(env, d, 0).rawNode.campaign()],
  ["compact", compact],
  ["deliver-msgs", deliverMessages],
  ["process-ready", (env, d) => each(env, d, "handling Ready", (n) => env.processReady(n))],
  [
    "process-append-thread",
    (env, d) => each(env, d, "processing append thread", (n) => env.processAppendThread(n)),
  ],
  [
    "process-apply-thread",
    (env, d) => each(env, d, "processing apply thread", (n) => env.processApplyThread(n)),
  ],
  ["log-level", (env, d) => setLogLevel(env, d.args[0]?.key ?? "")],
  ["raft-log", (env, d) => env.writeLog(node(env, d, 0))],
  ["raft-state", raftState],
  ["set-randomized-election-timeout", setRandomizedElectionTimeout],
  ["stabilize", stabilize],
  ["status", (env, d) => env.output.write(progressOf(node(env, d, 0)))],
  ["tick-election", (env, d) => tick(node(env, d, 0), node(env, d, 0).config.electionTick)],
  ["tick-heartbeat", (env, d) => tick(node(env, d, 0), node(env, d, 0).config.heartbeatTick)],
  ["transfer-leadership", transferLeadership],
  ["forget-leader", (env, d) => node(env, d, 0).rawNode.forgetLeader()],
  ["send-snapshot", sendSnapshot],
  ["propose", propose],
  ["propose-conf-change", proposeConfChange],
  ["report-unreachable", reportUnreachable],
]);

/** All arguments without a value are nodes. */
function nodesOf(env: Environment, directive: Directive): EnvNode[] {
  return directive.args
    .filter(({ values }) => values.length === 0)
    .map(({ key }) => nodeAt(env, directive, key));
}

function each(env: Environment, directive: Directive, what: string, work: (node: EnvNode) => void): void {
  const nodes = nodesOf(env, directive);
  for (const each of nodes) {
    if (nodes.length === 1) {
      work(each);
    } else {
      env.output.write(`> ${each.id} ${what}\n`);
      env.output.indented(() => work(each));
    }
  }
}

function tick(target: EnvNode, ticks: number): void {
  for (let i = 0; i < ticks; i++) target.rawNode.tick();
}

function setLogLevel(env: Environment, name: string): void {
  const error = env.setLogLevel(name);
  if (error !== undefined) throw new CommandError(error);
}

function compact(env: Environment, directive: Directive): void {
  const target = node(env, directive, 0);
  target.storage.compact(scanInt(directive, directive.args[1]?.key ?? ""));
  env.writeLog(target);
}

function deliverMessages(env: Environment, directive: Directive): void {
  let type: MessageType | undefined;
  const recipients: Recipient[] = [];
  for (const { key, values } of directive.args) {
    if (values.length === 0) recipients.push({ id: scanUint(directive, key), drop: false });
    for (const value of values) {
      if (key === "type") {
        type = messageTypeOf(value);
        if (type === undefined)
          throw new DataDrivenError(directive.position, `unknown message type ${value}`);
      } else if (key === "drop") {
        const id = scanUint(directive, value);
        if (recipients.some((recipient) => recipient.id === id)) {
          throw new DataDrivenError(directive.position, `can't both deliver and drop msgs to ${id}`);
        }
        recipients.push({ id, drop: true });
      }
    }
  }
  if (env.deliver(type, recipients) === 0) env.output.write("no messages\n");
}

function raftState(env: Environment): void {
  for (const { id, rawNode } of env.nodes) {
    const { raft } = rawNode;
    const voter = raft.tracker.config.voters.has(id) ? "(Voter)" : "(Non-Voter)";
    env.output.write(`${id}: ${stateName(raft.state)} ${voter} Term:${raft.term} Lead:${raft.lead}\n`);
  }
}

function setRandomizedElectionTimeout(env: Environment, directive: Directive): void {
  const timeout = scanInt(directive, valuesOf(directive, "timeout")?.[0] ?? "");
  if (timeout === 0) throw new DataDrivenError(directive.position, "timeout must not be 0");
  node(env, directive, 0).rawNode.raft.randomizedElectionTimeout = timeout;
}

function stabilize(env: Environment, directive: Directive): void {
  const nodes = nodesOf(env, directive);
  const previous = env.output.level;
  try {
    const level = valuesOf(directive, "log-level")?.[0];
    if (level !== undefined) setLogLevel(env, level);
    env.stabilize(nodes.length > 0 ? nodes : env.nodes);
  } finally {
    env.output.level = previous;
  }
}

function progressOf({ rawNode }: EnvNode): string {
  return describeProgressMap(rawNode.status().progress.values());
}

function transferLeadership(env: Environment, directive: Directive): void {
  const end = (key: string) => nodeAt(env, directive, valuesOf(directive, key)?.[0] ?? "");
  end("from").rawNode.transferLeader(end("to").id);
}

function sendSnapshot(env: Environment, directive: Directive): void {
  const from = node(env, directive, 0);
  const m = newMessage(MessageType.MsgSnap, node(env, directive, 1).id);
  m.from = from.id;
  m.term = from.rawNode.raft.term;
  m.snapshot = from.newestSnapshot();
  env.messages.push(m);
  env.output.write(describeMessage(m));
}

function propose(env: Environment, directive: Directive): void {
  const { args, position } = directive;
  if (args.length !== 2 || args[1]!.values.length > 0) {
    throw new DataDrivenError(position, "expected exactly one key with no vals");
  }
  node(env, directive, 0).rawNode.propose(new TextEncoder().encode(args[1]!.key));
}

const TRANSITIONS: ReadonlyMap<string, ConfChangeTransition> = new Map([
  ["auto", ConfChangeTransition.ConfChangeTransitionAuto],
  ["implicit", ConfChangeTransition.ConfChangeTransitionJointImplicit],
  ["explicit", ConfChangeTransition.ConfChangeTransitionJointExplicit],
]);

function proposeConfChange(env: Environment, directive: Directive): void {
  const target = node(env, directive, 0);
  let isV1 = false;
  let transition: ConfChangeTransition = ConfChangeTransition.ConfChangeTransitionAuto;
  for (const { key, values } of directive.args.slice(1)) {
    for (const value of values) {
      if (key === "v1") isV1 = boolOf(value);
      else if (key === "transition") transition = transitionOf(value);
      else throw new CommandError(`unknown command ${key}`);
    }
  }
  const changes = confChangesFromString(directive.input);
  if (!isV1) {
    const change: ConfChangeV2 = { transition, changes };
    target.rawNode.proposeConfChange(change);
    return;
  }
  if (changes.length > 1 || transition !== ConfChangeTransition.ConfChangeTransitionAuto) {
    throw new CommandError("v1 conf change can only have one operation and no transition");
  }
  if (changes.length === 0)
    throw new DataDrivenError(directive.position, "a v1 conf change needs an operation");
  target.rawNode.proposeConfChange(changes[0]!);
}

function boolOf(text: string): boolean {
  const value = parseBool(text);
  if (value === undefined) {
    throw new CommandError(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  return value;
}

function transitionOf(text: string): ConfChangeTransition {
  const transition = TRANSITIONS.get(text);
  if (transition === undefined) throw new CommandError(`unknown transition ${text}`);
  return transition;
}

function reportUnreachable(env: Environment, directive: Directive): void {
  const nodes = nodesOf(env, directive);
  if (nodes.length !== 2) {
    throw new CommandError(
      "must specify exactly two node indexes: node on which to report, and reported node",
    );
  }
  nodes[0]!.rawNode.reportUnreachable(nodes[1]!.id);
}
