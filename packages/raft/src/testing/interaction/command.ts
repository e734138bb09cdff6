import { DataDrivenError, type Directive, scanInt } from "../datadriven.ts";
import type { EnvNode } from "./env-node.ts";
import type { Environment } from "./environment.ts";

/** What one command does. What it prints goes to `env.output`; a CommandError or RaftError is printed as well. */
export type Command = (env: Environment, directive: Directive) => void;

export function nodeAt(env: Environment, directive: Directive, text: string): EnvNode {
  const found = env.nodes[scanInt(directive, text) - 1];
  if (found === undefined) throw new DataDrivenError(directive.position, `there is no node ${text}`);
  return found;
}

export function node(env: Environment, directive: Directive, argument: number): EnvNode {
  return nodeAt(env, directive, directive.args[argument]?.key ?? "");
}
