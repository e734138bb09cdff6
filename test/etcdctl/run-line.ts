import { type ChildProcess, spawn } from "node:child_process";
import { killAtExit } from "@quorate/testkit/process";
import { until } from "@quorate/testkit/wait";
import { type Line, lineOf, wordsOf } from "./scenario.ts";

const LONGEST_MS = 60_000;
/** How fast a machine is makes no difference, unless a line says how long something may take. */
const PATIENCE = { ETCDCTL_DIAL_TIMEOUT: "50s", ETCDCTL_COMMAND_TIMEOUT: "50s" };

/** What a line has come to. */
export interface Result {
  readonly line: string;
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the lines of a scenario with one program, in one folder, against one member. */
export class LineRunner {
  readonly results: Result[] = [];
  readonly #program: string;
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #values: Map<string, string>;

  /** `values` are what lines may name from the beginning. */
  constructor(program: string, folder: string, endpoint: string, values: Readonly<Record<string, string>>) {
    this.#program = program;
    this.#folder = folder;
    this.#values = new Map(Object.entries(values));
    const { PATH, HOME, TMPDIR } = process.env;
    this.#env = { PATH, HOME, TMPDIR, ...PATIENCE, ETCDCTL_ENDPOINTS: endpoint };
  }

  async run(given: string | Line): Promise<void> {
    const line = lineOf(given);
    const child = this.#spawn(line);
    const output = collect(child);
    const closed = new Promise<number | null>((resolve) => child.once("close", resolve));
    child.stdin?.end(line.meanwhile === undefined ? (line.stdin ?? "") : undefined);
    const at = this.results.length;
    if (line.meanwhile !== undefined) await this.#meanwhile(line, child, output);
    const timer = setTimeout(() => child.kill("SIGKILL"), LONGEST_MS);
    const code = await closed;
    clearTimeout(timer);
    const result = { line: line.line, code, ...output.text() };
    for (const [name, expression] of Object.entries(line.capture ?? {})) {
      const [, value] = expression.exec(result.stdout) ?? [];
      if (value !== undefined) this.#values.set(name, value);
    }
    this.results.splice(at, 0, this.#normalized(result, line));
  }

  async #meanwhile(line: Line, child: ChildProcess, output: Output): Promise<void> {
    // It has to be there before anything happens: a moment that is too short shows in what it prints.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    for (const each of line.meanwhile!) await this.run(each);
    if (line.until !== undefined)
      await until(() => line.until!.test(output.text().stdout) || child.exitCode !== null, LONGEST_MS).catch(
        () => {},
      );
    if (line.signal !== undefined) child.kill(line.signal);
  }

  #spawn({ line, env }: Line): ChildProcess {
    const words = wordsOf(line).map((word) => this.#fill(word));
    const all = { ...this.#env, ...env };
    // No variable at all where a flag says it.
    for (const name of ["endpoints", "dial-timeout", "command-timeout"]) {
      const variable = `ETCDCTL_${name.toUpperCase().replace("-", "_")}`;
      if (words.some((word) => word.startsWith(`--${name}`)) && env?.[variable] === undefined)
        delete all[variable];
    }
    const child = spawn(this.#program, words, { cwd: this.#folder, env: all, stdio: "pipe" });
    child.stdin?.on("error", () => {});
    killAtExit(child);
    return child;
  }

  #fill(word: string): string {
    return word.replace(/\{(\w+)\}/g, (whole, name: string) => this.#values.get(name) ?? whole);
  }

  /** Without what is not the same twice. */
  #normalized(result: Result, { without, help }: Line): Result {
    const clean = (text: string) => {
      let cleaned = text
        .replace(/^\{"level":.*\n/gm, "")
        .replace(/took(?: =|"?:|) ?"?[\d.]+[a-zµ]+s?/g, "took");
      for (const [name, value] of this.#values) cleaned = cleaned.replaceAll(value, `{${name}}`);
      return without === undefined ? cleaned : cleaned.replace(without, "");
    };
    // How a command is used is told in words of our own.
    const stderr = clean(result.stderr).replace(/^Usage:[\s\S]*/m, "Usage:\n");
    const stdout = clean(result.stdout);
    return { ...result, stdout: help === true ? namesIn(stdout) : stdout, stderr };
  }
}

/** Commands and flags that a help text names. */
function namesIn(text: string): string {
  const commands = [...text.matchAll(/^ {2}([a-z][\w-]*) +\S/gm)].map(([, name]) => name);
  const flags = [...text.matchAll(/^ {2}.{4}(--[\w-]+(?: \w+)?) {2,}/gm)].map(([, name]) => name);
  // The first line says in words of its own what the command is.
  const headings = [...text.matchAll(/(?<=\n)[A-Z][\w -]*(?:commands|Flags:|Usage:)$/gm)].map(
    ([name]) => name,
  );
  return [...headings, ...commands.filter((name) => name !== "etcdctl"), ...flags].join("\n");
}

interface Output {
  text(): { stdout: string; stderr: string };
}

function collect(child: ChildProcess): Output {
  const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  for (const name of ["stdout", "stderr"] as const)
    child[name]?.on("data", (chunk: Buffer) => chunks[name].push(chunk));
  return {
    text: () => ({
      stdout: Buffer.concat(chunks.stdout).toString("latin1"),
      stderr: Buffer.concat(chunks.stderr).toString("latin1"),
    }),
  };
}
