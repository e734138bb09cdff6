import type { Exit } from "./exit.ts";
import type { FlagSpec } from "./flag-spec.ts";
import type { FlagValues } from "./flag-values.ts";
import type { Output } from "./output.ts";
import type { StandardInput } from "./stdin.ts";

/** A command or a group of commands, as plain data: what it does is loaded when it is to be done. */
export interface CommandSpec {
  readonly name: string;
  /** What stands behind the name: `<key> [range_end]`. */
  readonly takes?: string;
  readonly short: string;
  readonly long?: string;
  readonly examples?: string;
  /** Under which of the program's headings its help has it. */
  readonly group?: string;
  readonly flags?: readonly FlagSpec[];
  /** Flags of all commands below. */
  readonly sharedFlags?: readonly FlagSpec[];
  readonly commands?: readonly CommandSpec[];
  /** Not one of etcd's: what is short for one of its commands does not mean this one. */
  readonly beyondEtcd?: true;
  /** Names of flags that have to be given. */
  readonly requiredFlags?: readonly string[];
  /** Of a program: each command explains the flags that all have, and nothing but how it is used. */
  readonly explainsSharedFlags?: boolean;
  /** Of a program: the headings under which its help has its commands, in their order. */
  readonly groups?: readonly string[];
  /** Of a program: the last line of help, which says where to find the flags that all commands have. */
  readonly hint?: string;
  /** Of a program: what is wrong with a command line is told once more behind how the command is used, behind these words. */
  readonly repeatsComplaints?: "Error: " | "";
  /** Of a program: shows people on a terminal more than etcd's own does. */
  readonly isForPeople?: boolean;
  /** Of a program: says the same failure with more about it, where it knows more. */
  readonly explain?: (exit: Exit, flags: FlagValues, output: Output) => Promise<Exit>;
  /** Says what is wrong with the arguments, as a matter of syntax. */
  readonly checkArguments?: (args: readonly string[]) => string | undefined;
  readonly load?: () => Promise<{ run(invocation: Invocation): Promise<void> }>;
}

/** A command and what it lies in, from the root on. */
export type CommandPath = readonly [CommandSpec, ...CommandSpec[]];

/** A command with all that it was given. */
export interface Invocation {
  readonly path: CommandPath;
  readonly args: readonly string[];
  readonly flags: FlagValues;
  /** The whole command line behind the program's name, as it was given. */
  readonly words: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly input: StandardInput;
  readonly output: Output;
}
