import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { confChangeHandler } from "./confchange-vectors.ts";
import {
  commandsOf,
  type DirectiveHandler,
  type Mismatch,
  rewriteDirectives,
  runDirectives,
} from "./datadriven.ts";
import { interactionHandler } from "./interaction/commands.ts";
import { lineDiff } from "./line-diff.ts";
import { handleQuorumDirective } from "./quorum-vectors.ts";

const IGNORED_NAMES = /^\.|~$|^#.*#$/;

/** All data-driven files in or under `root`, which may be a file itself. Others, like a README, are left out. */
export function findVectorFiles(root: string): string[] {
  if (!statSync(root).isDirectory()) return [root];
  const files: string[] = [];
  for (const name of readdirSync(root).sort()) {
    if (IGNORED_NAMES.test(name)) continue;
    const file = path.join(root, name);
    if (statSync(file).isDirectory()) files.push(...findVectorFiles(file));
    else if (/^----\r?$/m.test(readFileSync(file, "utf8"))) files.push(file);
  }
  return files;
}

/** A fresh handler for the kind of file that `text` is. */
function handlerFor(file: string, text: string): DirectiveHandler {
  const commands = commandsOf(file, text);
  if (commands.has("committed") || commands.has("vote")) return handleQuorumDirective;
  const isConfChange = ["simple", "enter-joint", "leave-joint"].some((command) => commands.has(command));
  return isConfChange ? confChangeHandler() : interactionHandler();
}

/** Runs one file; undefined when every directive prints what it should. Throws when the file cannot be run. */
export function runVectorFile(file: string): Mismatch | undefined {
  const text = readFileSync(file, "utf8");
  return runDirectives(file, text, handlerFor(file, text));
}

export function rewriteVectorFile(file: string): void {
  const text = readFileSync(file, "utf8");
  writeFileSync(file, rewriteDirectives(file, text, handlerFor(file, text)));
}

export function describeMismatch({ directive, expected, actual }: Mismatch): string {
  const { position, command } = directive;
  return `${position}: ${command}: output differs (- expected, + actual)\n${lineDiff(expected, actual)}`;
}

/** The command line: `[--rewrite] PATH...`. Returns the exit code. */
export function main(args: readonly string[], print: (line: string) => void): number {
  const rewrite = args.includes("--rewrite");
  const paths = args.filter((arg) => arg !== "--rewrite");
  if (paths.length === 0) {
    print("usage: run-vectors [--rewrite] DIRECTORY_OR_FILE...");
    return 2;
  }
  const files = paths.flatMap(findVectorFiles);
  let failures = 0;
  for (const file of files) {
    try {
      if (rewrite) rewriteVectorFile(file);
      const mismatch = rewrite ? undefined : runVectorFile(file);
      print(`${mismatch === undefined ? (rewrite ? "rewritten" : "ok") : "FAILED"}  ${file}`);
      if (mismatch === undefined) continue;
      print(describeMismatch(mismatch));
    } catch (error) {
      print(`FAILED  ${file}`);
      print(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
    failures++;
  }
  print(`${files.length} files, ${failures} failed`);
  return failures > 0 || files.length === 0 ? 1 : 0;
}
