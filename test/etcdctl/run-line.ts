import { isUtf8 } from "node:buffer";
import { type ChildProcess, spawn } from "node:child_process";
import { killAtExit } from "@quorate/testkit/process";
import { until } from "@quorate/testkit/wait";
import { normalized } from "./normalized.ts";
import { type Line, lineOf, type Sign, type Stay, wordsOf } from "./scenario.ts";

/** Far more than anything takes, on a machine that does many other things as well. */
const LONGEST_MS = 180_000;
/** How fast a machine is makes no difference, unless a line says how long something may take. */
const PATIENCE = { ETCDCTL_DIAL_TIMEOUT: "150s", ETCDCTL_COMMAND_TIMEOUT: "150s" };

/** With these commands Go's begins to count before it looks at variables: to be patient they need a flag. */
const WITH_FLAG = ["get", "put", "del", "lease", "member", "alarm", "move-leader", "auth", "role", "user"];

/** What a line has come to. */
export interface Result {
  readonly line: string;
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunnerOptions {
  readonly program: string;
  /** Looks how far others are: the same etcdctl, whichever of them is run. */
  readonly reference: string;
  readonly folder: string;
  readonly endpoint: string;
  /** What lines may name from the beginning. */
  readonly values: Readonly<Record<string, string>>;
}

/** Runs the lines of a scenario with one program, in one folder, against one member. */
export class LineRunner {
  readonly results: Result[] = [];
  readonly #options: RunnerOptions;
  readonly #env: NodeJS.ProcessEnv;
  readonly #values: Map<string, string>;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#values = new Map(Object.entries(options.values));
    const { PATH, HOME, TMPDIR } = process.env;
    this.#env = { PATH, HOME, TMPDIR, ...PATIENCE, ETCDCTL_ENDPOINTS: options.endpoint };
  }

  async run(given: string | Line): Promise<void> {
    const line = lineOf(given);
    const running = this.#spawn(this.#options.program, line);
    const at = this.results.length;
    try {
      if (line.stays !== undefined) await this.#stay(line.stays, running);
      const code = await running.closed;
      const result = { line: line.line, code, ...running.text() };
      for (const [name, expression] of Object.entries(line.capture ?? {})) {
        const [, value] = expression.exec(result.stdout) ?? [];
        if (value !== undefined) this.#values.set(name, value);
      }
      this.results.splice(at, 0, normalized(result, line, this.#values));
    } finally {
      running.end();
    }
  }

  async #stay({ ready, meanwhile = [], until: end, signal }: Stay, running: Running): Promise<void> {
    if (ready !== undefined) await this.#awaitSign(ready, running);
    for (const each of meanwhile) await this.run(each);
    await this.#awaitSign(end, running);
    running.child.kill(signal);
  }

  /** Until it comes, or the line in the background has ended. */
  async #awaitSign(sign: Sign, running: Running): Promise<void> {
    await until(async () => {
      if (running.child.exitCode !== null || running.child.signalCode !== null) return true;
      if (sign instanceof RegExp) return sign.test(running.text().stdout);
      const asked = this.#spawn(this.#options.reference, { line: sign.line });
      await asked.closed;
      return sign.matches.test(asked.text().stdout);
    }, LONGEST_MS);
  }

  #spawn(program: string, { line, env, stdin }: Line): Running {
    const given = wordsOf(line).map((word) => this.#fill(word));
    const hasOwn =
      given.some((word) => word.startsWith("--command-timeout")) ||
      env?.ETCDCTL_COMMAND_TIMEOUT !== undefined;
    const words =
      WITH_FLAG.includes(given[0] ?? "") && !hasOwn
        ? [`--command-timeout=${PATIENCE.ETCDCTL_COMMAND_TIMEOUT}`, ...given]
        : given;
    const all = { ...this.#env, ...env };
    // No variable at all where a flag says it.
    for (const name of ["endpoints", "dial-timeout", "command-timeout"]) {
      const variable = `ETCDCTL_${name.toUpperCase().replace("-", "_")}`;
      if (words.some((word) => word.startsWith(`--${name}`)) && env?.[variable] === undefined)
        delete all[variable];
    }
    const child = spawn(program, words, { cwd: this.#options.folder, env: all, stdio: "pipe" });
    child.stdin?.on("error", () => {});
    child.stdin?.end(stdin ?? "");
    killAtExit(child);
    return collect(child);
  }

  #fill(word: string): string {
    return word.replace(/\{(\w+)\}/g, (whole, name: string) => this.#values.get(name) ?? whole);
  }
}

interface Running {
  readonly child: ChildProcess;
  /** Its exit code, when all that it wrote has been read; null when it was killed. */
  readonly closed: Promise<number | null>;
  text(): { stdout: string; stderr: string };
  /** Kills it if it is still there. */
  end(): void;
}

/** Two outputs have the same text exactly when they have the same bytes, which need not be text. */
function textOf(chunks: readonly Buffer[]): string {
  const bytes = Buffer.concat(chunks);
  return isUtf8(bytes) ? bytes.toString() : `not UTF-8: ${bytes.toString("latin1")}`;
}

function collect(child: ChildProcess): Running {
  const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  for (const name of ["stdout", "stderr"] as const)
    child[name]?.on("data", (chunk: Buffer) => chunks[name].push(chunk));
  const timer = setTimeout(() => child.kill("SIGKILL"), LONGEST_MS);
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  }).finally(() => clearTimeout(timer));
  return {
    child,
    closed,
    text: () => ({ stdout: textOf(chunks.stdout), stderr: textOf(chunks.stderr) }),
    end: () => void child.kill("SIGKILL"),
  };
}
